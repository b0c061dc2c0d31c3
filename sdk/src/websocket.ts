/** `WS /browser/media`: PCM16 over one socket, through two AudioWorklets. See docs/browser.md. */

import { PersonaError } from "./errors";
import { parse, type FromClient, type Init } from "./messages";
import type { Played } from "./playout";
import type { Surroundings, Transport } from "./transport";

const RATE = 16_000;
const OPEN_MS = 10_000;
/** Audio of the microphone that waits for the network; what comes on top is dropped. */
const MOST_WAITING = 2 * RATE * 2;
/** The socket is dead if a ping is not answered for so long. */
const PING_MS = 3000;
const SILENT_MS = 8000;

export class WebSocketTransport implements Transport {
  readonly name = "websocket";
  readonly #around: Surroundings;
  #socket: WebSocket | null = null;
  #capture: AudioWorkletNode | null = null;
  #playout: AudioWorkletNode | null = null;
  #source: AudioNode | null = null;
  #refusal: PersonaError | null = null;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  /** When the ping was sent that was not answered yet. */
  #asked = 0;
  #begun = false;
  #paused = false;
  #closed = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  async open(init: Init): Promise<void> {
    const [socket] = await Promise.all([this.#connect(), this.#prepare()]);
    if (this.#closed) {
      socket.close();
      throw new PersonaError("canceled", "The conversation was ended before it began.");
    }
    if (socket.readyState !== WebSocket.OPEN) throw this.#unreachable();
    socket.send(JSON.stringify({ ...init, sampleRate: RATE }));
    this.#begun = true;
    this.#heartbeat = setInterval(() => this.#beat(), PING_MS);
  }

  send(message: FromClient): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  microphone(_: MediaStreamTrack | null, source: AudioNode | null): void {
    this.#source = source; // Of the one before nothing comes any more.
    if (this.#capture && source) source.connect(this.#capture);
  }

  networkChanged(online: boolean): void {
    // A socket does not notice that its network is gone.
    if (!online) this.#lost("The network is gone.");
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#heartbeat);
    this.#capture?.port.postMessage("close");
    this.#playout?.port.postMessage("close");
    this.#playout?.disconnect();
    this.#socket?.close();
  }

  #connect(): Promise<WebSocket> {
    const url = new URL(`${this.#around.server}/browser/media`);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => socket.close(), OPEN_MS);
      socket.onopen = () => {
        clearTimeout(late);
        resolve(socket);
      };
      socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => this.#received(data);
      socket.onclose = ({ code }) => {
        clearTimeout(late);
        reject(this.#unreachable());
        this.#over(code);
      };
    });
  }

  async #prepare(): Promise<void> {
    const { sound, server } = this.#around;
    const options = { processorOptions: { rate: RATE } };
    try {
      await sound.context.audioWorklet.addModule(`${server}/sdk/worklet.js`);
    } catch (error) {
      this.close();
      const message = `${server}/sdk/worklet.js cannot be loaded: does the page's policy allow it?`;
      throw new PersonaError("unsupported", message, error);
    }
    if (this.#closed) return;
    this.#capture = new AudioWorkletNode(sound.context, "voice-agent-capture", {
      ...options,
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    this.#capture.port.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => this.#captured(data);
    this.#source?.connect(this.#capture);
    const playout = new AudioWorkletNode(sound.context, "voice-agent-playout", {
      ...options,
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    playout.port.onmessage = ({ data }: MessageEvent<Played>) => {
      this.send({ type: "played", ...data });
      playout.port.postMessage({ latency: sound.latency });
    };
    this.#playout = playout;
    sound.playNode(playout);
  }

  #captured(audio: ArrayBuffer): void {
    const socket = this.#socket;
    if (!this.#begun || socket?.readyState !== WebSocket.OPEN) return; // `init` comes first.
    if (socket.bufferedAmount < MOST_WAITING) socket.send(audio);
  }

  #received(data: string | ArrayBuffer): void {
    if (this.#closed) return;
    this.#asked = 0;
    if (typeof data !== "string") {
      this.#playout?.port.postMessage(data, [data]);
      return;
    }
    const message = parse(data);
    if (!message) return;
    if (message.type === "flush") this.#playout?.port.postMessage({ flush: message.generation });
    else if (message.type === "error") this.#refusal = new PersonaError(message.code, message.message);
    else if (message.type === "paused") this.#paused = true;
    this.#around.events.message(message);
  }

  #beat(): void {
    const now = performance.now();
    if (this.#asked && now - this.#asked > SILENT_MS) {
      this.#lost("The server is silent.");
      return;
    }
    this.#asked ||= now;
    this.send({ type: "ping" });
  }

  #unreachable(): PersonaError {
    return new PersonaError("unreachable", `${this.#around.server} does not answer.`);
  }

  #lost(message: string): void {
    if (this.#closed || !this.#begun) return;
    this.close();
    this.#around.events.closed(new PersonaError("disconnected", message));
  }

  #over(code: number): void {
    if (this.#closed || !this.#begun) return; // Nobody has asked for a conversation yet.
    this.close();
    const gone = new PersonaError("disconnected", `The connection is gone (${code}).`);
    this.#around.events.closed(code === 1000 || this.#paused ? null : (this.#refusal ?? gone));
  }
}
