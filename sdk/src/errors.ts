/**
 * What goes wrong, typed by what a page can do about it.
 *
 *     microphone_denied       ask the user to allow it, then try again
 *     microphone_missing      there is none: plug one in
 *     microphone_busy         another program has it
 *     microphone_unavailable  the page is not served by https (or localhost), or the browser is old
 *     key_refused             the key is wrong, revoked, or not for pages of this origin
 *     unreachable             the server does not answer; come again
 *     busy, unavailable       the server is full or has no database; come again
 *     disconnected            there is no conversation, or its connection is gone for good
 *     not_saved               the conversation is over, and nothing of it was kept
 *     unsaved_refused         this server keeps its conversations: ask for one that is saved
 *     unsupported             this server or browser cannot do that
 *
 * Other codes are the server's own: see docs/browser.md.
 */
export type PersonaErrorCode =
  | "busy"
  | "canceled"
  | "conversation_unknown"
  | "disconnected"
  | "draft_refused"
  | "format"
  | "key_refused"
  | "malformed"
  | "microphone_busy"
  | "microphone_denied"
  | "microphone_missing"
  | "microphone_unavailable"
  | "not_saved"
  | "origin_refused"
  | "persona_missing"
  | "persona_not_allowed"
  | "persona_unknown"
  | "protocol"
  | "server_missing"
  | "state_refused"
  | "token_refused"
  | "too_late"
  | "too_many_messages"
  | "unavailable"
  | "unreachable"
  | "unsaved_refused"
  | "unsupported"
  | "webrtc_unavailable";

/** An error with a word for programs (`code`) and a sentence for people (`message`). */
export class PersonaError extends Error {
  override readonly name = "PersonaError";
  readonly code: PersonaErrorCode | (string & {});

  constructor(code: PersonaErrorCode | (string & {}), message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
