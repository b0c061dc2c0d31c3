/** Signing in, and one's own account. */
import { ask } from "./client";

export interface BrowserSession {
  id: string;
  /** The one that asks. */
  current: boolean;
  method: "link" | "invitation" | "password" | "passkey";
  address: string;
  /** Such as "Firefox on Linux". */
  device: string;
  created_at: string;
  used_at: string;
  expires_at: string;
}

export interface Me {
  id: string | null;
  /** Null in a session that a link has opened, until a name and a password are given. */
  name: string | null;
  /** Codes of an authenticator app are asked for. */
  totp: boolean;
  /** How many are left. */
  recovery_codes: number;
  passkeys: number;
  /** Until then passwords, codes and passkeys can be changed without signing in again. */
  fresh_until: string;
  session: BrowserSession;
}

export interface Totp {
  secret: string;
  uri: string;
  /** The same as SVG. */
  qr: string;
}

export interface Passkey {
  id: string;
  label: string;
  domain: string;
  created_at: string;
  used_at: string | null;
}

export interface Administrator {
  id: string;
  name: string;
  created_at: string;
  totp: boolean;
  passkeys: number;
}

interface Items<T> {
  items: T[];
}

export const account = {
  me: () => ask<Me>("GET", "/api/account/me"),
  withLink: (link: string) => ask<unknown>("POST", "/api/login", { link }),
  withPassword: (name: string, password: string, code?: string) =>
    ask<unknown>("POST", "/api/login/password", { name, password, ...(code && { code }) }),
  prove: (password: string) => ask<unknown>("POST", "/api/account/prove", { password }),
  signOut: () => ask<unknown>("POST", "/api/logout"),
  setPassword: (password: string, name?: string, current?: string) =>
    ask<unknown>("PUT", "/api/account/password", {
      password,
      ...(name && { name }),
      ...(current && { current }),
    }),
  beginTotp: () => ask<Totp>("POST", "/api/account/totp"),
  confirmTotp: (code: string) =>
    ask<{ codes: string[] }>("POST", "/api/account/totp/confirm", { code }),
  endTotp: () => ask<unknown>("DELETE", "/api/account/totp"),
  newRecoveryCodes: () => ask<{ codes: string[] }>("POST", "/api/account/recovery-codes"),
  passkeys: () => ask<Items<Passkey>>("GET", "/api/account/passkeys"),
  removePasskey: (id: string) =>
    ask<unknown>("DELETE", `/api/account/passkeys/${encodeURIComponent(id)}`),
  sessions: () => ask<Items<BrowserSession>>("GET", "/api/account/sessions"),
  endSession: (id: string) =>
    ask<unknown>("DELETE", `/api/account/sessions/${encodeURIComponent(id)}`),
  administrators: () => ask<Items<Administrator>>("GET", "/api/administrators"),
  invite: () =>
    ask<{ link: string; expires_at: string }>("POST", "/api/invitations"),
  removeAdministrator: (id: string) =>
    ask<unknown>("DELETE", `/api/administrators/${encodeURIComponent(id)}`),
  endOtherSessions: () => ask<{ ended: number }>("DELETE", "/api/account/sessions"),
};

interface Options<T> {
  publicKey: T;
}

/** Whether this browser and this page can do passkeys: they want HTTPS or localhost. */
export const canPasskey =
  isSecureContext && "PublicKeyCredential" in window && "parseCreationOptionsFromJSON" in PublicKeyCredential;

export async function signInWithPasskey(): Promise<void> {
  const { publicKey } = await ask<Options<PublicKeyCredentialRequestOptionsJSON>>(
    "POST",
    "/api/login/passkey/options",
  );
  const credential = await asked(() =>
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
    }),
  );
  await ask("POST", "/api/login/passkey", { credential });
}

export async function addPasskey(label: string): Promise<void> {
  const { publicKey } = await ask<Options<PublicKeyCredentialCreationOptionsJSON>>(
    "POST",
    "/api/account/passkey/options",
  );
  const credential = await asked(() =>
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
    }),
  );
  await ask("POST", "/api/account/passkeys", { label, credential });
}

/** The credential as JSON. Throws an Error with a sentence, as browsers' own are for developers. */
async function asked(ask: () => Promise<Credential | null>): Promise<unknown> {
  try {
    const credential = await ask();
    if (credential === null) throw new Error("No passkey was given.");
    return (credential as PublicKeyCredential).toJSON();
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError") {
      throw new Error("It was cancelled, or took too long. Try again, or sign in with a password.");
    }
    if (name === "InvalidStateError") throw new Error("This device has a passkey already.");
    if (name === "SecurityError") {
      throw new Error("Passkeys do not work at this address. Use the server's name and HTTPS.");
    }
    throw error;
  }
}
