/** The messages of the protocol, as docs/browser.md tells them. The same on both transports. */

import type { State } from "./types";

/** One contribution, as it stands now. */
export interface Said {
  messageId: string;
  source: "user" | "ai";
  /** Of the agent: what was heard of it. */
  content: string;
  /** Of the agent: all that it is going to say, as far as it is known. */
  intended?: string;
  /** It was taken back: show it no more. */
  withdrawn?: boolean;
}

export interface Ready {
  type: "ready";
  conversationId: string;
  resumeToken: string;
  sampleRate: number;
  resumed: boolean;
  state: State;
}

export type FromServer =
  | Ready
  | { type: "messages_update"; messages: Said[]; interim: string }
  | { type: "action"; action: Record<string, unknown> }
  | { type: "state_updated"; state: State }
  | { type: "user_speech_started" | "user_speech_ended" | "ai_speech_started" | "ai_speech_ended" }
  | { type: "message_limit_reached"; message: string }
  | { type: "flush"; generation: number }
  | { type: "paused"; conversationId: string; resumeToken: string }
  | { type: "error"; code: string; message: string }
  | { type: "pong" };

/** Begins a conversation or goes on with one; over WebRTC it is part of the offer. */
export interface Init {
  type: "init";
  token: string;
  personaId?: string;
  personaName?: string;
  userId?: string;
  conversationId?: string;
  details?: Record<string, unknown>;
  /** Nothing of the conversation is to be kept. */
  unsaved?: boolean;
  sampleRate?: number;
}

export type FromClient =
  | { type: "update_state"; state: State }
  | { type: "say_text" | "react_to" | "user_text"; text: string }
  | { type: "mute"; muted: boolean }
  | { type: "played"; generation: number; samples: number }
  | { type: "ping" }
  | { type: "end" };

const KNOWN: ReadonlySet<string> = new Set([
  "ready",
  "messages_update",
  "action",
  "state_updated",
  "user_speech_started",
  "user_speech_ended",
  "ai_speech_started",
  "ai_speech_ended",
  "message_limit_reached",
  "flush",
  "paused",
  "error",
  "pong",
]);

/** What the server says; null for what a newer server says that this client does not know. */
export function parse(text: string): FromServer | null {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof message !== "object" || message === null) return null;
  const type = (message as { type?: unknown }).type;
  if (typeof type !== "string" || !KNOWN.has(type)) return null;
  if (type === "messages_update") {
    const { messages = [], interim = "" } = message as { messages?: Said[]; interim?: string };
    return { type, messages, interim };
  }
  return message as FromServer;
}
