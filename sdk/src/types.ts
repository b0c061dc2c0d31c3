/** What pages give and get. */

import type { PersonaError } from "./errors";

export type State = Record<string, unknown>;

export type TransportName = "webrtc" | "websocket";

/** One contribution, as pages get it. */
export interface PersonaMessage {
  source: "user" | "ai";
  /** `temporary_message`: the words that the user is saying just now. */
  type: "message" | "temporary_message";
  messageId: string;
  /** Of the agent: what was heard of it so far. */
  content: string;
  /** Of the agent: all that it is going to say, as far as it is known. */
  intended?: string;
}

export interface PersonaClientOptions {
  /** The server, such as https://voice.example.com; known by itself where it served the script. */
  server?: string;
  /** Session tokens from your own server, in place of a publishable key. */
  token?: string | (() => string | Promise<string>);
  /** `auto`: WebRTC, and the WebSocket where that does not get through. */
  transport?: "auto" | TransportName;
  /** The id of a microphone (see `microphones`); false for a conversation without one. */
  microphone?: string | false;
  /** More constraints for the microphone, such as `{noiseSuppression: false}`. */
  audio?: MediaTrackConstraints;
  /** The element that plays the agent; made by itself otherwise. */
  audioElement?: HTMLAudioElement;
  /** How long a lost connection is tried to be made again, in milliseconds. */
  reconnectMs?: number;
}

export interface InitConfig {
  /** Who the user is; you choose it. */
  userId?: string;
  personaName?: string;
  personaId?: string;
  /** For the persona's templates: `{{details.plan}}`. */
  details?: Record<string, unknown>;
  /** Kept with the conversation, as `details.metadata`. */
  metadata?: Record<string, unknown>;
  /** Not supported: personas live on the server. */
  personaConfig?: Record<string, unknown>;
  options?: InitOptions;
  /** A session token for this conversation. */
  token?: string;
}

export interface InitOptions {
  /** Tell each message as `debug_event`. */
  debugMode?: boolean;
  /** False: `messages_update` has no words that are still being said. */
  streamTranscripts?: boolean;
  /** The server keeps nothing of the conversation: what was ended cannot be resumed. */
  shouldNotSaveConversation?: boolean;
}

export interface MicrophoneInfo {
  id: string;
  /** Empty until the microphone was allowed once. */
  label: string;
}

export interface MicrophoneChange {
  microphone: MicrophoneInfo;
  /** `lost`: the one before is gone, and this is the one that the system falls back to. */
  reason: "chosen" | "lost";
}

export interface LegacyEvents {
  /** Today's `ai_speech_ended`. */
  ai_speech_stopped: undefined;
  /** The agent has finished an answer, or was interrupted. */
  reply_end: undefined;
  json: { detail: Record<string, unknown> };
}

export interface Levels {
  /** 0 to 1. */
  microphone: number;
  /** 0 to 1. */
  agent: number;
}

export interface PersonaEvents extends LegacyEvents {
  /** The conversation has begun, or goes on. */
  ready: { conversationId: string; resumed: boolean; transport: TransportName };
  /** The whole conversation, whenever something of it has changed. */
  messages_update: PersonaMessage[];
  /** The whole state. */
  state_updated: State;
  /** The values of an action by its name. */
  action: Record<string, unknown>;
  user_speech_started: undefined;
  user_speech_ended: undefined;
  ai_speech_started: undefined;
  ai_speech_ended: undefined;
  /** The user has had as many answers as the persona gives: what the agent says of it, once. */
  message_limit_reached: string;
  /** The connection is gone and is being made again, in `ms` milliseconds. */
  reconnecting: { attempt: number; ms: number };
  reconnected: undefined;
  /** It is over, or paused; `problem` is null if that was wanted. */
  disconnected: { conversationId: string; problem: PersonaError | null };
  error: PersonaError;
  /** A conversation could not be begun or resumed. */
  connect_error: PersonaError;
  microphone_changed: MicrophoneChange;
  microphone_lost: PersonaError;
  microphones_changed: MicrophoneInfo[];
  /** The browser lets nothing be heard until the user has clicked somewhere. */
  audio_blocked: undefined;
  audio_unblocked: undefined;
  /** Ten times a second while somebody listens. */
  levels: Levels;
  /** With `debugMode`: each message in either direction. */
  debug_event: { from: "client" | "server"; message: { type: string } };
}
