/**
 * The audio thread's part, a module of its own: `audioWorklet.addModule("…/sdk/worklet.js")`.
 *
 * `voice-agent-capture` posts ArrayBuffers of PCM16, 20 ms each. `voice-agent-playout` takes them,
 * and `{flush: generation}` and `{latency: seconds}`; it posts what was played, when it has reached
 * the ear.
 */

import { Capture } from "./capture";
import { Playout, type Played } from "./playout";

declare const sampleRate: number;
declare const currentFrame: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new (options: AudioWorkletNodeOptions) => AudioWorkletProcessor,
): void;

const REPORT_MS = 100;

registerProcessor(
  "voice-agent-capture",
  class extends AudioWorkletProcessor {
    #capture: Capture;
    #open = true;

    constructor(options: AudioWorkletNodeOptions) {
      super();
      this.#capture = new Capture(sampleRate, options.processorOptions.rate as number);
      this.port.onmessage = () => {
        this.#open = false;
      };
    }

    process(inputs: Float32Array[][]): boolean {
      const samples = inputs[0]?.[0];
      if (samples) {
        for (const frame of this.#capture.push(samples)) {
          this.port.postMessage(frame.buffer, [frame.buffer]);
        }
      }
      return this.#open;
    }
  },
);

registerProcessor(
  "voice-agent-playout",
  class extends AudioWorkletProcessor {
    #playout: Playout;
    #open = true;
    #latency = 0;
    #reported = "";
    #next = 0;
    #due: { at: number; played: Played }[] = [];

    constructor(options: AudioWorkletNodeOptions) {
      super();
      this.#playout = new Playout(options.processorOptions.rate as number, sampleRate);
      this.port.onmessage = ({ data }: MessageEvent) => {
        if (data instanceof ArrayBuffer) this.#playout.push(new Int16Array(data));
        else if (data === "close") this.#open = false;
        else if ("flush" in data) this.#playout.flush(data.flush as number);
        else this.#latency = (data.latency as number) * sampleRate;
      };
    }

    process(_: Float32Array[][], outputs: Float32Array[][]): boolean {
      const out = outputs[0]?.[0];
      if (out) this.#playout.pull(out);
      this.#report();
      return this.#open;
    }

    /** Every 100 ms while audio plays, and at once when there is no more. */
    #report(): void {
      const { generation, played: samples, idle } = this.#playout;
      const now = `${generation} ${samples}`;
      if (now !== this.#reported && (idle || currentFrame >= this.#next)) {
        this.#reported = now;
        this.#next = currentFrame + (sampleRate * REPORT_MS) / 1000;
        if (samples) this.#due.push({ at: currentFrame + this.#latency, played: { generation, samples } });
      }
      while (this.#due[0] && this.#due[0].at <= currentFrame) {
        this.port.postMessage(this.#due.shift()?.played);
      }
    }
  },
);
