/** What an error means for the connection, and what the browser's own errors mean. Pure. */

import { PersonaError } from "./errors";

/** Codes after which the same may work a moment later. */
const PASSING: ReadonlySet<string> = new Set(["busy", "disconnected", "unavailable", "unreachable"]);

/** Whether it is worth trying again without anybody doing anything. */
export function passes(problem: PersonaError): boolean {
  return PASSING.has(problem.code);
}

/** The error of `getUserMedia`, as what the page can do about it. */
export function microphoneProblem(error: unknown): PersonaError {
  const name = (error as { name?: unknown } | null)?.name;
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
    case "PermissionDeniedError":
      return new PersonaError(
        "microphone_denied",
        "The microphone may not be used: allow it for this page in the browser's settings.",
        error,
      );
    case "NotFoundError":
    case "OverconstrainedError":
    case "DevicesNotFoundError":
      return new PersonaError("microphone_missing", "There is no such microphone.", error);
    case "NotReadableError":
    case "AbortError":
    case "TrackStartError":
      return new PersonaError(
        "microphone_busy",
        "The microphone cannot be read: another program may be using it.",
        error,
      );
    default:
      return new PersonaError(
        "microphone_unavailable",
        "This page cannot use a microphone: it must be served by https, or from localhost.",
        error,
      );
  }
}
