/** Signing in, and one's own account. */
import { api, told, type Schemas } from "./client";

export type Me = Schemas["MeOut"];
export type BrowserSession = Schemas["BrowserSessionOut"];
export type Totp = Schemas["TotpOut"];
export type Passkey = Schemas["PasskeyOut"];
export type Administrator = Schemas["AdministratorOut"];

const of = (id: string) => ({ params: { path: { id } } });

/** All throw ApiError. */
export const account = {
  me: () => told(api.GET("/api/account/me")),
  withLink: (link: string) => told(api.POST("/api/login", { body: { link } })),
  withPassword: (name: string, password: string, code = "") =>
    told(api.POST("/api/login/password", { body: { name, password, code: code || null } })),
  prove: (password: string) => told(api.POST("/api/account/prove", { body: { password } })),
  signOut: () => told(api.POST("/api/logout")),
  setPassword: (password: string, name = "") =>
    told(
      api.PUT("/api/account/password", { body: { password, name: name || null, current: null } }),
    ),
  beginTotp: () => told(api.POST("/api/account/totp")),
  confirmTotp: (code: string) => told(api.POST("/api/account/totp/confirm", { body: { code } })),
  endTotp: () => told(api.DELETE("/api/account/totp")),
  newRecoveryCodes: () => told(api.POST("/api/account/recovery-codes")),
  passkeys: () => told(api.GET("/api/account/passkeys")),
  removePasskey: (id: string) => told(api.DELETE("/api/account/passkeys/{id}", of(id))),
  sessions: () => told(api.GET("/api/account/sessions")),
  endSession: (id: string) => told(api.DELETE("/api/account/sessions/{id}", of(id))),
  endOtherSessions: () => told(api.DELETE("/api/account/sessions")),
  administrators: () => told(api.GET("/api/administrators")),
  invite: () => told(api.POST("/api/invitations")),
  removeAdministrator: (id: string) => told(api.DELETE("/api/administrators/{id}", of(id))),
};

/** Whether this browser and this page can do passkeys: a name, and HTTPS unless it is localhost. */
export const canPasskey =
  isSecureContext &&
  "PublicKeyCredential" in window &&
  "parseCreationOptionsFromJSON" in PublicKeyCredential &&
  !/^[\d.]+$|^\[/.test(location.hostname);

type Given = Schemas["Credential"];

export async function signInWithPasskey(): Promise<void> {
  const { publicKey } = await told(api.POST("/api/login/passkey/options"));
  const credential = await asked(() =>
    navigator.credentials.get({
      publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(
        publicKey as unknown as PublicKeyCredentialRequestOptionsJSON,
      ),
    }),
  );
  await told(api.POST("/api/login/passkey", { body: { credential } }));
}

export async function addPasskey(label: string): Promise<void> {
  const { publicKey } = await told(api.POST("/api/account/passkey/options"));
  const credential = await asked(() =>
    navigator.credentials.create({
      publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(
        publicKey as unknown as PublicKeyCredentialCreationOptionsJSON,
      ),
    }),
  );
  await told(api.POST("/api/account/passkeys", { body: { label, credential } }));
}

/** The credential as JSON. Throws an Error with a sentence, as browsers' own are for developers. */
async function asked(ask: () => Promise<Credential | null>): Promise<Given> {
  try {
    const credential = await ask();
    if (credential === null) throw new Error("No passkey was given.");
    return (credential as PublicKeyCredential).toJSON() as Given;
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
