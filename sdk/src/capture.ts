/** From the microphone's samples to frames of PCM16 for the wire. Pure. */

import { Resampler } from "./resample";

const FRAME_MS = 20;

export class Capture {
  readonly #resampler: Resampler | null;
  readonly #made: Float32Array;
  #frame: Int16Array;
  #filled = 0;

  /** `inputRate` is the microphone's, `rate` the wire's. */
  constructor(inputRate: number, rate: number) {
    this.#resampler = inputRate === rate ? null : new Resampler(inputRate, rate);
    this.#made = new Float32Array(1024);
    this.#frame = new Int16Array((rate * FRAME_MS) / 1000);
  }

  /** Whole frames, as they become ready. */
  push(samples: Float32Array): Int16Array[] {
    if (!this.#resampler) return this.#frames(samples, samples.length);
    this.#resampler.push(samples);
    const frames: Int16Array[] = [];
    for (let made; (made = this.#resampler.pull(this.#made)) > 0; ) {
      frames.push(...this.#frames(this.#made, made));
    }
    return frames;
  }

  #frames(samples: Float32Array, count: number): Int16Array[] {
    const frames: Int16Array[] = [];
    for (let i = 0; i < count; i += 1) {
      const value = Math.max(-1, Math.min(1, samples[i] as number));
      this.#frame[this.#filled] = Math.round(value < 0 ? value * 32768 : value * 32767);
      this.#filled += 1;
      if (this.#filled === this.#frame.length) {
        frames.push(this.#frame);
        this.#frame = new Int16Array(this.#frame.length);
        this.#filled = 0;
      }
    }
    return frames;
  }
}
