/** What the live socket says; times are milliseconds since the call began. */

export interface LiveCall {
  conversationId: string;
  personaId: string;
  personaName: string;
  direction: string;
  /** The other party's number, or "". */
  remote: string;
  userId: string;
  /** ISO 8601. */
  startedAt: string;
  /** What the conversation does now, such as "listening" or "speaking". */
  phase: string;
  turns: number;
  /** Median over the turns. */
  firstAudioMs: number | null;
  lastFirstAudioMs: number | null;
  interrupted: number;
  recording: "off" | "on" | "paused";
  transport: "telephone" | "websocket" | "webrtc";
  state: Record<string, unknown>;
}

export interface Said {
  messageId: string | number;
  source: "user" | "ai";
  /** Of the agent: what was heard. */
  content: string;
  /** Of the agent: all that it was going to say. */
  intended?: string;
  withdrawn?: boolean;
  at?: number;
  interrupted?: boolean;
}

export interface WebhookView {
  url: string;
  method: string;
  /** The body as it was sent. */
  request: unknown;
  status: number | null;
  /** Cut at 4 KB. */
  response: unknown;
  tookMs: number | null;
}

export interface ActionView {
  number: number;
  name: string;
  kind: string;
  arguments: unknown;
  startedAt: number;
  finishedAt: number | null;
  outcome: string | null;
  result: unknown;
  webhook: WebhookView | null;
}

export interface StageView {
  name: string;
  start: number;
  end: number;
}

export interface TurnView {
  number: number;
  /** The language model wrote it; otherwise it is a fixed phrase. */
  answer?: boolean;
  userText: string;
  agentText: string;
  heardText: string;
  /** The first sound of what is answered; null for what was written. */
  speechBegan?: number | null;
  /** When the caller's last sound was; null for what answers no speech. */
  speechEnded: number | null;
  firstAudio: number | null;
  firstAudioMs: number | null;
  interrupted: boolean;
  stages: StageView[];
}

export interface Participant {
  id: string;
  role: "caller" | "agent";
  name: string;
}

export type BoardEvent =
  | { kind: "calls"; calls: LiveCall[] }
  | { kind: "gone"; conversationId: string };

export type CallEvent =
  | { kind: "messages"; messages: Said[]; interim?: string }
  | { kind: "state"; state: Record<string, unknown>; at?: number }
  | { kind: "action"; action: ActionView }
  | { kind: "turn"; turn: TurnView }
  | { kind: "speech"; who: "user" | "ai"; speaking: boolean }
  | { kind: "call"; call: LiveCall }
  | { kind: "participants"; participants: Participant[] }
  | { kind: "levels"; user: number; ai: number }
  | { kind: "ended"; reason: string };

export type CallTopic = `call:${string}`;
export type Topic = "board" | "history" | "personas" | CallTopic;
