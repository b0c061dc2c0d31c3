/** What goes wrong while talking, as a sentence and what helps. */
import { PersonaError } from "@sdk/api";

import { ApiError, sentenceOf } from "@/api/problem";

export interface Explained {
  code: string;
  title: string;
  /** What helps. */
  fix: string;
  /** Fields of the persona that the server refuses. */
  fields: readonly { field: string; message: string }[];
  /** It may work without a microphone. */
  typing: boolean;
}

const KNOWN: Record<string, [title: string, fix: string]> = {
  microphone_denied: [
    "The browser does not let this page use the microphone",
    "Click the microphone or lock sign beside the address, allow it, and talk again. Or type.",
  ],
  microphone_missing: [
    "There is no microphone",
    "Plug one in, or pick another one in the list. You can also type.",
  ],
  microphone_busy: [
    "The microphone cannot be read",
    "Another program may be using it: close that, or pick another microphone.",
  ],
  microphone_unavailable: [
    "This page cannot use a microphone",
    "Browsers want HTTPS for that, or localhost. Serve the console by HTTPS, or type.",
  ],
  unreachable: [
    "The server does not answer",
    "Check that it runs, and that a proxy in front of it passes WebSockets on.",
  ],
  disconnected: ["The connection is gone", "Check the network, and talk again."],
  busy: ["The server takes no more calls just now", "Wait until another call has ended."],
  unavailable: ["The server's database does not answer", "Its log says why. Try again later."],
  draft_refused: [
    "What was to be tried is not known any more",
    "Talk again: the server has forgotten the unsaved draft.",
  ],
  token_refused: ["The permission to talk has expired", "Talk again to get a new one."],
  too_late: ["It took too long to begin", "Talk again."],
  persona_unknown: ["The server does not know this persona", "It may have been deleted meanwhile."],
  unsupported: ["This browser cannot do that", "Use a current version of it."],
};

export function explain(problem: unknown): Explained {
  const cause = problem instanceof PersonaError ? problem.cause : problem;
  if (cause instanceof ApiError) {
    const fields = cause.fields.map(({ field, message }) => ({
      field: field.replace(/^persona\./, ""),
      message,
    }));
    const title = fields.length > 0 ? "The persona is not valid" : "The server refuses";
    return { code: "api", title, fix: cause.message, fields, typing: false };
  }
  const code = problem instanceof PersonaError ? problem.code : "";
  const known = KNOWN[code];
  return {
    code,
    title: known?.[0] ?? sentenceOf(problem),
    fix: known?.[1] ?? "Try again; the server's log may say more.",
    fields: [],
    typing: code.startsWith("microphone_"),
  };
}
