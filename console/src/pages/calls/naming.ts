/** How the facts of a call are said to people. */
import type { Schemas } from "@/api/client";
import type { LiveCall } from "@/live/types";
import type { Tone } from "@/ui";

export type Conversation = Schemas["ConversationOut"];

const DIRECTIONS: Record<string, string> = {
  inbound: "Incoming",
  outbound: "Outgoing",
  web: "Client",
};

const TRANSPORTS: Record<string, string> = {
  telephone: "Telephone",
  websocket: "WebSocket",
  webrtc: "WebRTC",
};

const REASONS: Record<string, string> = {
  caller_left: "The caller hung up",
  goodbye: "They said good-bye",
  hang_up_call: "The agent hung up",
  agent_hung_up: "The agent hung up",
  idle: "Nobody spoke any more",
  time_up: "The longest time for a call was over",
  failures: "The agent gave up after failures",
  voicemail: "A message was left on an answering machine",
  ended_by_client: "It was ended from outside",
  draining: "The server shut down",
  crashed: "It broke off because of a fault",
  transfer_connected: "The caller was put through",
};

const PHASES: Record<string, { label: string; tone: Tone }> = {
  connecting: { label: "Connecting", tone: "neutral" },
  waiting: { label: "Waiting", tone: "neutral" },
  listening: { label: "Listening", tone: "user" },
  thinking: { label: "Thinking", tone: "warn" },
  speaking: { label: "Speaking", tone: "accent" },
  paused: { label: "Interrupted", tone: "warn" },
  ended: { label: "Ended", tone: "neutral" },
};

export function directionOf(direction: string): string {
  return DIRECTIONS[direction] ?? direction;
}

export function transportOf(transport: string): string {
  return TRANSPORTS[transport] ?? transport;
}

/** Why a call has ended; "" while it has not. */
export function reasonOf(reason: string): string {
  return REASONS[reason] ?? sentenceCase(reason);
}

export function phaseOf(phase: string): { label: string; tone: Tone } {
  return PHASES[phase] ?? { label: sentenceCase(phase), tone: "neutral" };
}

export function sentenceCase(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The party that the agent talks to, as one short text. */
export function callerOf(conversation: Conversation): string {
  return conversation.user_id || (conversation.direction === "web" ? "Visitor" : "Withheld number");
}

export function liveCallerOf(call: LiveCall): string {
  return call.remote || call.userId || (call.transport === "telephone" ? "Withheld number" : "Visitor");
}

/** `guests 4 · day Sunday`: the first few keys of a state. */
export function stateSummary(state: Readonly<Record<string, unknown>>, keys = 3): string {
  const entries = Object.entries(state);
  const shown = entries.slice(0, keys).map(([key, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `${key}: ${text.length > 32 ? `${text.slice(0, 31)}…` : text}`;
  });
  const more = entries.length - shown.length;
  return shown.join(" · ") + (more > 0 ? ` · ${more} more` : "");
}
