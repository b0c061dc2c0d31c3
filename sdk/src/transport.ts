/** What carries a conversation: audio in both directions, and the messages. */

import type { PersonaError } from "./errors";
import type { FromClient, FromServer, Init } from "./messages";
import type { Sound } from "./sound";
import type { TransportName } from "./types";

export interface TransportEvents {
  message(message: FromServer): void;
  /** The network wavers; the transport mends it by itself (true), or has (false). */
  mending(mending: boolean): void;
  /** The connection is gone: null if the server has ended the conversation in good order. */
  closed(problem: PersonaError | null): void;
}

export interface Transport {
  readonly name: TransportName;
  /**
   * Connect, and ask for the conversation. Settles when messages can be sent; the server's `ready`
   * comes as a message. Raises PersonaError; nothing else is told then.
   */
  open(init: Init): Promise<void>;
  send(message: FromClient): void;
  /** The track, and the node in which it arrives; null while there is no microphone. */
  microphone(track: MediaStreamTrack | null, source: AudioNode | null): void;
  /** The browser says that there is a network again, or another one. */
  networkChanged(online: boolean): void;
  /** Let go of everything. Nothing is told any more. */
  close(): void;
}

/** What every transport is given. */
export interface Surroundings {
  /** Such as https://voice.example.com, without a slash at the end. */
  server: string;
  sound: Sound;
  events: TransportEvents;
}
