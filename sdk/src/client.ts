/** Conversations of a page with a persona: begun, paused, resumed, and kept over broken networks. */

import { Connection, type Order } from "./connection";
import { Emitter } from "./emitter";
import { PersonaError } from "./errors";
import { Legacy, type LegacyEvent } from "./legacy";
import type { FromClient, FromServer, Init, Ready } from "./messages";
import { Microphone, microphones } from "./microphone";
import { serverOf, wanted } from "./options";
import {
  keepResumeToken,
  noteBlockedWebRtc,
  resumeToken,
  sessionToken,
  webRtcIsBlocked,
} from "./session";
import { Sound } from "./sound";
import { Transcript } from "./transcript";
import type { Surroundings, Transport } from "./transport";
import type {
  InitConfig,
  InitOptions,
  Levels,
  MicrophoneInfo,
  PersonaClientOptions,
  PersonaEvents,
  PersonaMessage,
  State,
  TransportName,
} from "./types";
import { iceServers, WebRtcTransport } from "./webrtc";
import { WebSocketTransport } from "./websocket";

const READY_MS = 15_000;
const GOODBYE_MS = 3000;
const PATIENCE_MS = 60_000;
const LEVELS_MS = 100;
const MOST_TEXT = 4000;
/** Messages that wait for a connection that is being made again. */
const MOST_WAITING = 50;
/** After these the WebSocket may do what WebRTC could not. */
const TRY_WEBSOCKET: ReadonlySet<string> = new Set(["unreachable", "webrtc_unavailable"]);
/** The conversation goes on behind these. */
const HARMLESS: ReadonlySet<string> = new Set(["malformed", "state_refused"]);

interface Settling {
  resolve(): void;
  reject(problem: PersonaError): void;
}

/** One conversation at a time. */
export class PersonaClient {
  /** The server that served the script. */
  static scriptServer = "";

  /** Known when `init` or `resume` has settled. */
  conversationId = "";
  /** The conversation's state, as it was last told. */
  state: State = {};
  readonly #key: string;
  readonly #server: string;
  readonly #options: PersonaClientOptions;
  readonly #emitter = new Emitter<PersonaEvents>();
  readonly #transcript = new Transcript();
  readonly #legacy = new Legacy();
  readonly #microphone: Microphone;
  #sound: Sound | null = null;
  #transport: Transport | null = null;
  #connection: Connection | null = null;
  #settling: Settling | null = null;
  #init: Init | null = null;
  /** Asked for while the user is still being asked for the microphone. */
  #ice: Promise<RTCIceServer[]> | null = null;
  #asked: InitOptions = {};
  #resumeToken = "";
  #waiting: FromClient[] = [];
  #muted = false;
  #paused: (() => void) | null = null;
  #due: ReturnType<typeof setTimeout> | undefined;
  #metering: ReturnType<typeof setInterval> | undefined;

  /** `key` is a publishable key of the server, bound to the origins of your pages. */
  constructor(key = "", options: PersonaClientOptions = {}) {
    this.#key = key;
    this.#options = options;
    this.#server = serverOf(options.server, PersonaClient.scriptServer);
    this.#microphone = new Microphone(
      {
        track: (track) => this.#hear(track),
        changed: (change) => this.#emitter.emit("microphone_changed", change),
        lost: (problem) => {
          this.#emitter.emit("microphone_lost", problem);
          this.#emitter.emit("error", problem);
        },
        devices: (found) => this.#emitter.emit("microphones_changed", found),
      },
      options.audio,
    );
  }

  // Events --------------------------------------------------------------------------------------

  /** Call `callback` for each `event`; what is returned ends that. */
  on<Name extends keyof PersonaEvents>(
    event: Name,
    callback: (value: PersonaEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(event, callback);
  }

  off<Name extends keyof PersonaEvents>(
    event: Name,
    callback?: (value: PersonaEvents[Name]) => void,
  ): void {
    this.#emitter.off(event, callback);
  }

  /** What was said, in its order; of the agent what was heard. */
  get messages(): PersonaMessage[] {
    return this.#transcript.messages(this.#asked.streamTranscripts !== false);
  }

  /** What carries the conversation; empty while there is none. */
  get transport(): TransportName | "" {
    return this.#transport?.name ?? "";
  }

  /** Whether a conversation is going on. */
  get connected(): boolean {
    return this.#connection?.phase === "live";
  }

  /** How loud it is just now. */
  get levels(): Levels {
    return this.#sound?.levels() ?? { microphone: 0, agent: 0 };
  }

  get muted(): boolean {
    return this.#muted;
  }

  // The life of a conversation ------------------------------------------------------------------

  /** Begin a new conversation. Call it when the user clicks. Raises PersonaError. */
  init(config: InitConfig): Promise<void>;
  /** @deprecated as earlier clients had it. */
  init(userId: string, personaName: string): Promise<void>;
  /** @deprecated as earlier clients had it. */
  init(personaName: string): Promise<void>;
  async init(config: InitConfig | string, personaName?: string): Promise<void> {
    const asked = wanted(config, personaName);
    this.#asked = asked.options;
    await this.#begin(async () => ({
      ...asked.init,
      type: "init",
      token: asked.token || (await this.#token(asked.userId)),
    }));
  }

  /**
   * Go on with a conversation: the last one, or one of this browser tab's. Another's takes a `token`,
   * which your server gets from `POST /api/conversations/{id}/resume`. Raises PersonaError.
   */
  async resume(conversationId = this.conversationId, given: { token?: string } = {}): Promise<void> {
    if (this.connected && conversationId === this.conversationId) return;
    const own = conversationId === this.conversationId ? this.#resumeToken : "";
    const token = given.token || own || resumeToken(conversationId);
    if (!token) {
      throw new PersonaError(
        "conversation_unknown",
        "This browser tab has not had that conversation: give resume a token for it.",
      );
    }
    await this.#begin(() => Promise.resolve({ type: "init", token, conversationId }));
  }

  /** Pause the conversation and release the microphone: `resume` goes on with it. */
  async end(): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    if (connection.phase === "live" && this.#transport) {
      this.#microphone.close();
      this.#sound?.close();
      const goodbye = new Promise<void>((resolve) => {
        this.#paused = resolve;
        setTimeout(resolve, GOODBYE_MS);
      });
      this.#send({ type: "end" });
      await goodbye;
      if (this.#connection !== connection) return;
    }
    this.#obey(connection.end());
  }

  /** The same as `end`. */
  pause(): Promise<void> {
    return this.end();
  }

  // What the page says --------------------------------------------------------------------------

  /** Merge these keys into the conversation's state. Raises PersonaError. */
  async updateState(state: State): Promise<void> {
    if (typeof state !== "object" || state === null || Array.isArray(state)) {
      throw new PersonaError("malformed", "updateState takes an object.");
    }
    this.#say({ type: "update_state", state });
  }

  /** Have the agent say exactly this. Raises PersonaError. */
  async sayText(text: string): Promise<void> {
    this.#say({ type: "say_text", text: checked(text) });
  }

  /** Tell the agent of something, so that it speaks of it. Raises PersonaError. */
  async reactTo(text: string): Promise<void> {
    this.#say({ type: "react_to", text: checked(text) });
  }

  /** Say something in the user's place. Raises PersonaError. */
  async sendUserText(text: string): Promise<void> {
    this.#say({ type: "user_text", text: checked(text) });
  }

  // Devices -------------------------------------------------------------------------------------

  /** The microphones that there are; their labels are known once one was allowed. */
  microphones(): Promise<MicrophoneInfo[]> {
    return microphones();
  }

  /** Use this microphone, now and later; an empty id is the system's own choice. */
  async setMicrophone(id: string): Promise<void> {
    this.#options.microphone = id;
    const phase = this.#connection?.phase;
    if (phase === "live" || phase === "reconnecting") await this.#microphone.choose(id);
  }

  /** Turn the microphone off or on. */
  setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#microphone.mute(muted);
    if (this.connected) this.#send({ type: "mute", muted });
  }

  /** Be heard again after `audio_blocked`; to be called when the user clicks. */
  async startAudio(): Promise<void> {
    await this.#sound?.start();
  }

  // Beginning and ending ------------------------------------------------------------------------

  /** `make` gives the first message; it may take its time. */
  async #begin(make: () => Promise<Init>): Promise<void> {
    if (this.#connection) this.#obey(this.#connection.end());
    // Before anything is waited for: browsers let a page play in the handler of a click.
    this.#sound = this.#newSound();
    const connection = new Connection(this.#options.reconnectMs ?? PATIENCE_MS);
    this.#connection = connection;
    addEventListener("online", this.#online);
    addEventListener("offline", this.#offline);
    this.#metering = setInterval(() => {
      if (this.#emitter.has("levels")) this.#emitter.emit("levels", this.levels);
    }, LEVELS_MS);
    const settled = new Promise<void>((resolve, reject) => {
      this.#settling = { resolve, reject };
    });
    settled.catch(() => undefined); // Whoever called us is told; nobody else need be.
    const orders = connection.begin();
    const made = make().then((init) => {
      if (this.#connection === connection && this.#ways()[0] === "webrtc") {
        this.#ice = iceServers(this.#server, init.token);
        this.#ice.catch(() => undefined); // Whoever uses it is told.
      }
      return init;
    });
    Promise.all([made, this.#openMicrophone()]).then(
      ([init]) => {
        if (this.#connection !== connection) return;
        this.#init = init;
        this.#obey(orders);
      },
      (error) => {
        if (this.#connection !== connection) return;
        this.#obey(connection.lost(asProblem(error), now()));
      },
    );
    return settled;
  }

  #newSound(): Sound {
    try {
      return new Sound(this.#options.audioElement ?? null, (blocked) =>
        this.#emitter.emit(blocked ? "audio_blocked" : "audio_unblocked", undefined),
      );
    } catch (error) {
      throw asProblem(error);
    }
  }

  async #openMicrophone(): Promise<void> {
    const { microphone = "" } = this.#options;
    if (microphone === false) return;
    this.#microphone.mute(this.#muted);
    await this.#microphone.open(microphone);
  }

  async #token(userId: string): Promise<string> {
    const { token } = this.#options;
    if (typeof token === "string") return token;
    if (token) return await token();
    return await sessionToken(this.#server, this.#key, userId);
  }

  #obey(orders: Order[]): void {
    for (const order of orders) {
      switch (order.do) {
        case "connect":
          void this.#connect(order.attempt);
          break;
        case "wait":
          clearTimeout(this.#due);
          this.#due = setTimeout(() => this.#obey(this.#connection?.due(now()) ?? []), order.ms);
          break;
        case "reconnecting":
          this.#emitter.emit("reconnecting", { attempt: order.attempt, ms: order.ms });
          break;
        case "reconnected":
          this.#emitter.emit("reconnected", undefined);
          break;
        case "finish":
          this.#finish(order.problem);
      }
    }
  }

  /** Release everything, and tell. */
  #finish(problem: PersonaError | null): void {
    clearTimeout(this.#due);
    clearInterval(this.#metering);
    removeEventListener("online", this.#online);
    removeEventListener("offline", this.#offline);
    this.#transport?.close();
    this.#microphone.close();
    this.#sound?.close();
    this.#transport = this.#sound = this.#connection = this.#init = this.#ice = null;
    this.#waiting = [];
    this.#paused?.();
    this.#paused = null;
    const settling = this.#settling;
    this.#settling = null;
    if (settling) {
      const reason = problem ?? new PersonaError("canceled", "Ended before it had begun.");
      settling.reject(reason);
      this.#emitter.emit("connect_error", reason);
      return;
    }
    if (problem) this.#emitter.emit("error", problem);
    this.#emitter.emit("disconnected", { conversationId: this.conversationId, problem });
  }

  // The connection ------------------------------------------------------------------------------

  /** Connect with whatever carries it; whatever goes wrong is told to the `Connection`. */
  async #connect(attempt: number): Promise<void> {
    const connection = this.#connection;
    const sound = this.#sound;
    const init = attempt === 0 ? this.#init : this.#goOn();
    if (!connection || !sound || !init) return;
    let problem = new PersonaError("unsupported", "There is no way to connect.");
    for (const name of this.#ways()) {
      const transport = this.#make(name, sound, connection);
      this.#transport = transport;
      this.#hear(this.#microphone.track);
      try {
        await transport.open(init);
        if (this.#connection !== connection) return transport.close();
        this.#expectReady(connection, transport);
        return;
      } catch (error) {
        transport.close();
        if (this.#connection !== connection) return;
        this.#transport = null;
        problem = asProblem(error);
        if (!TRY_WEBSOCKET.has(problem.code)) break;
        if (problem.code === "webrtc_unavailable") noteBlockedWebRtc(this.#server);
      }
    }
    this.#obey(connection.lost(problem, now()));
  }

  #ways(): TransportName[] {
    const { transport = "auto" } = this.#options;
    if (transport !== "auto") return [transport];
    return webRtcIsBlocked(this.#server) ? ["websocket"] : ["webrtc", "websocket"];
  }

  #goOn(): Init {
    return { type: "init", token: this.#resumeToken, conversationId: this.conversationId };
  }

  #make(name: TransportName, sound: Sound, connection: Connection): Transport {
    let transport: Transport | null = null;
    const current = (): boolean => transport !== null && this.#transport === transport;
    const around: Surroundings = {
      server: this.#server,
      sound,
      events: {
        message: (message) => current() && this.#told(message, connection),
        mending: (mending) => {
          if (!current()) return;
          if (mending) this.#emitter.emit("reconnecting", { attempt: 1, ms: 0 });
          else this.#emitter.emit("reconnected", undefined);
        },
        closed: (problem) => {
          if (!current()) return;
          this.#transport = null;
          this.#obey(problem ? connection.lost(problem, now()) : connection.end());
        },
      },
    };
    if (name === "websocket") transport = new WebSocketTransport(around);
    else transport = new WebRtcTransport(around, this.#ice);
    this.#ice = null; // The next time it is asked for anew: it holds passwords that expire.
    return transport;
  }

  /** A server that takes the connection and says nothing is as good as none. */
  #expectReady(connection: Connection, transport: Transport): void {
    clearTimeout(this.#due);
    this.#due = setTimeout(() => {
      if (this.#transport !== transport || connection.phase === "live") return;
      transport.close();
      this.#transport = null;
      const message = `${this.#server} takes the connection but does not begin.`;
      this.#obey(connection.lost(new PersonaError("unreachable", message), now()));
    }, READY_MS);
  }

  #online = (): void => {
    this.#transport?.networkChanged(true);
    this.#obey(this.#connection?.network(true, now()) ?? []);
  };

  #offline = (): void => {
    this.#obey(this.#connection?.network(false, now()) ?? []);
    this.#transport?.networkChanged(false);
  };

  // What the server says ------------------------------------------------------------------------

  #told(message: FromServer, connection: Connection): void {
    if (this.#asked.debugMode) this.#emitter.emit("debug_event", { from: "server", message });
    switch (message.type) {
      case "ready":
        this.#ready(message, connection);
        break;
      case "messages_update": {
        this.#transcript.update(message.messages, message.interim);
        const { messages } = this;
        this.#emitter.emit("messages_update", messages);
        this.#emitLegacy(this.#legacy.messages(messages));
        break;
      }
      case "state_updated":
        this.state = message.state;
        this.#emitter.emit("state_updated", message.state);
        break;
      case "action":
        this.#emitter.emit("action", message.action);
        this.#emitLegacy(this.#legacy.action(message.action));
        break;
      case "paused":
        this.#keep(message.conversationId, message.resumeToken);
        this.#obey(connection.end());
        break;
      case "error":
        if (HARMLESS.has(message.code)) {
          this.#emitter.emit("error", new PersonaError(message.code, message.message));
        }
        break;
      case "user_speech_started":
      case "user_speech_ended":
        this.#emitter.emit(message.type, undefined);
        break;
      case "ai_speech_started":
      case "ai_speech_ended":
        this.#emitter.emit(message.type, undefined);
        this.#emitLegacy(this.#legacy.aiSpeech(message.type === "ai_speech_started"));
        break;
      case "message_limit_reached":
        this.#emitter.emit("message_limit_reached", message.message);
        this.#emitLegacy(this.#legacy.limit(message.message));
        break;
      case "flush":
      case "pong":
    }
  }

  #ready(message: Ready, connection: Connection): void {
    if (message.conversationId !== this.conversationId) {
      this.#transcript.clear();
      this.#legacy.begin();
    }
    clearTimeout(this.#due);
    this.conversationId = message.conversationId;
    this.state = message.state;
    this.#keep(message.conversationId, message.resumeToken);
    this.#obey(connection.ready());
    if (this.#muted) this.#send({ type: "mute", muted: true });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const each of waiting) this.#send(each);
    const { conversationId, resumed } = message;
    const { transport } = this;
    if (transport) this.#emitter.emit("ready", { conversationId, resumed, transport });
    this.#settling?.resolve();
    this.#settling = null;
  }

  #keep(conversationId: string, token: string): void {
    this.#resumeToken = token;
    keepResumeToken(conversationId, token);
  }

  #emitLegacy(events: LegacyEvent[]): void {
    for (const { event, value } of events) this.#emitter.emit(event, value as never);
  }

  // What goes out -------------------------------------------------------------------------------

  #say(message: FromClient): void {
    const phase = this.#connection?.phase;
    if (phase === "live") {
      this.#send(message);
      return;
    }
    if (phase !== "reconnecting" || this.#waiting.length >= MOST_WAITING) {
      throw new PersonaError("disconnected", "There is no conversation: call init or resume first.");
    }
    this.#waiting.push(message);
  }

  #send(message: FromClient): void {
    if (this.#asked.debugMode) this.#emitter.emit("debug_event", { from: "client", message });
    this.#transport?.send(message);
  }

  /** This is the microphone from now on. */
  #hear(track: MediaStreamTrack | null): void {
    this.#transport?.microphone(track, this.#sound?.microphone(track) ?? null);
  }
}

function checked(text: string): string {
  if (typeof text !== "string" || !text || text.length > MOST_TEXT) {
    throw new PersonaError("malformed", `The text must have 1 to ${MOST_TEXT} characters.`);
  }
  return text;
}

function asProblem(error: unknown): PersonaError {
  if (error instanceof PersonaError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PersonaError("unsupported", message, error);
}

function now(): number {
  return performance.now();
}
