/** What pages may ask for, and the older ways to ask for it. Pure. */

import { PersonaError } from "./errors";
import type { Init } from "./messages";
import type { InitConfig, InitOptions } from "./types";

export interface Wanted {
  userId: string;
  token: string;
  options: InitOptions;
  init: Omit<Init, "type" | "token">;
}

/**
 * What `init` was asked for: `init({…})`, and as in earlier clients `init(userId, personaName)` and
 * `init(personaName)`. Raises PersonaError.
 */
export function wanted(config: InitConfig | string | undefined, personaName?: string): Wanted {
  if (typeof config === "string") {
    config = personaName === undefined ? { personaName: config } : { userId: config, personaName };
  }
  const { userId = "", personaName: name = "", personaId = "", options = {} } = config ?? {};
  if (!name && !personaId) {
    throw new PersonaError("persona_missing", "Give init a personaName or a personaId.");
  }
  if (config?.personaConfig && Object.keys(config.personaConfig).length) {
    throw new PersonaError(
      "unsupported",
      "personaConfig is not supported: publish the persona on the server and give its name.",
    );
  }
  const details = { ...config?.details, ...(config?.metadata && { metadata: config.metadata }) };
  return {
    userId,
    token: config?.token ?? "",
    options,
    init: {
      details,
      ...(userId && { userId }),
      ...(name && { personaName: name }),
      ...(personaId && { personaId }),
      ...(options.shouldNotSaveConversation && { unsaved: true }),
    },
  };
}

/** The server's address without a slash at the end. Raises PersonaError. */
export function serverOf(given: string | undefined, script: string): string {
  const address = given || script;
  if (!address) {
    throw new PersonaError(
      "server_missing",
      'Say where the server is: new PersonaClient(key, {server: "https://voice.example.com"}).',
    );
  }
  let url: URL;
  try {
    url = new URL(address);
  } catch (error) {
    throw new PersonaError("server_missing", `${address} is no address of a server.`, error);
  }
  return url.origin + url.pathname.replace(/\/+$/, "");
}

/** The server that served a script of ours, by the script's address; empty for anything else. */
export function serverOfScript(address: string): string {
  const found = /^(https?:\/\/[^?#]*?)\/(PersonaClientPublic(V2)?|sdk\/persona(\.classic)?\.js)([?#]|$)/;
  return found.exec(address)?.[1] ?? "";
}
