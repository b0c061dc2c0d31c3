/** All that pages may use. */

export { PersonaClient } from "./client";
export { PersonaError } from "./errors";
export type { PersonaErrorCode } from "./errors";
export type * from "./types";
