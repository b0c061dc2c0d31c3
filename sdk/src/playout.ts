/**
 * The buffer between a socket and the loudspeaker. Pure: samples in, samples out, no clock.
 *
 * * It begins to play when `target` is there, or has been waited for as long. Each gap in the midst
 *   of speech makes the target longer, up to `MOST_MS`; half a minute without one makes it shorter.
 * * The server sends some 240 ms ahead of time, and its clock is not the sound card's. What counts is
 *   the least depth of each second: while that is under `LOW_MS` audio is played half a percent
 *   slower, while it is over `HIGH_MS` half a percent faster; and of what is far too late, quiet
 *   stretches are left out. So the depth stays between the two for as long as a call goes on.
 * * A flush empties it: silence follows within 3 ms, without a click.
 * * `played` counts samples of the present generation that left the buffer, as the server sent them,
 *   those left out included.
 */

import { Resampler } from "./resample";

const TARGET_MS = 40;
const MOST_MS = 240;
const LOW_MS = 20;
const HIGH_MS = 400;
/** Behind this, quiet stretches are left out. */
const LATE_MS = 700;
const CORRECTION = 0.005;
/** Of full scale: quieter is no speech. */
const QUIET = 0.01;
const FADE_MS = 3;
const CALM_S = 30;
/** A longer silence is a pause that the agent makes. */
const GAP_MS = 200;

export interface Played {
  generation: number;
  samples: number;
}

export class Playout {
  generation = 0;
  /** Gaps in the midst of speech. */
  underruns = 0;
  readonly #rate: number;
  readonly #out: number;
  readonly #resampler: Resampler;
  readonly #straight: number;
  #chunks: Float32Array[] = [];
  #first = 0;
  /** Samples in `#chunks`. */
  #held = 0;
  /** Samples of the generation that left `#chunks`. */
  #fed = 0;
  #target = TARGET_MS;
  #playing = false;
  /** Output samples for which audio has been waiting for the target. */
  #waited = 0;
  /** Output samples since the buffer ran dry. */
  #dry = Infinity;
  #calm = 0;
  #least = Infinity;
  #second = 0;
  #last = 0;
  #gain = 0;
  readonly #fade: number;

  /** `rate` is of the audio that comes, `outputRate` of the loudspeaker. */
  constructor(rate: number, outputRate: number) {
    this.#rate = rate;
    this.#out = outputRate;
    this.#resampler = new Resampler(rate, outputRate);
    this.#straight = rate / outputRate;
    this.#fade = 1 / ((outputRate * FADE_MS) / 1000);
  }

  /** What waits to be played, in milliseconds. */
  get depthMs(): number {
    return ((this.#held + Math.max(0, this.#resampler.ahead)) * 1000) / this.#rate;
  }

  /** Samples of the generation that were played. */
  get played(): number {
    // What the filter still holds when all has been played is less than it needs to go on.
    return this.#playing ? Math.max(0, this.#fed - Math.ceil(this.#resampler.ahead)) : this.#fed;
  }

  get targetMs(): number {
    return this.#target;
  }

  /** Nothing is played and nothing waits. */
  get idle(): boolean {
    return !this.#playing && this.#held === 0;
  }

  /** How much faster than straight it is played: 0.005 is half a percent. */
  get correction(): number {
    return this.#resampler.step / this.#straight - 1;
  }

  push(pcm: Int16Array): void {
    if (!pcm.length) return;
    const samples = new Float32Array(pcm.length);
    for (let i = 0; i < pcm.length; i += 1) samples[i] = (pcm[i] as number) / 32768;
    this.#chunks.push(samples);
    this.#held += samples.length;
  }

  /** Throw away what was not played; what comes from now on is of `generation`. */
  flush(generation: number): void {
    this.generation = generation;
    this.#fed = 0;
    this.#chunks = [];
    this.#first = 0;
    this.#held = 0;
    this.#resampler.clear();
    this.#stop();
    this.#dry = Infinity; // It was not the network's fault.
  }

  /** Fill `out`: with audio, or with silence. */
  pull(out: Float32Array): void {
    const began = this.#began(out.length);
    let made = 0;
    if (began) {
      this.#leaveOut();
      while (made < out.length) {
        made += this.#resampler.pull(out, made);
        if (made < out.length && !this.#feed()) break;
      }
      this.#fadeIn(out, made);
      this.#watch(made);
    }
    if (made < out.length) {
      if (began) this.#ranDry();
      this.#decay(out, made);
      this.#dry += out.length - made;
    }
  }

  #began(frames: number): boolean {
    if (this.#playing || this.#held === 0) return this.#playing;
    this.#waited += frames;
    const enough = this.depthMs >= this.#target || (this.#waited * 1000) / this.#out >= this.#target;
    if (!enough) return false;
    // Audio that comes again so soon should not have stopped.
    if ((this.#dry * 1000) / this.#out < GAP_MS + this.#target) {
      this.underruns += 1;
      this.#calm = 0;
      this.#target = Math.min(this.#target * 1.5, MOST_MS);
    }
    this.#waited = 0;
    this.#playing = true;
    this.#gain = 0;
    return true;
  }

  /** Give the resampler one more chunk; false if there is none. */
  #feed(): boolean {
    const chunk = this.#chunks[this.#first];
    if (!chunk) return false;
    this.#take();
    this.#resampler.push(chunk);
    return true;
  }

  #take(): void {
    const chunk = this.#chunks[this.#first] as Float32Array;
    this.#first += 1;
    if (this.#first > 64) {
      this.#chunks = this.#chunks.slice(this.#first);
      this.#first = 0;
    }
    this.#held -= chunk.length;
    this.#fed += chunk.length;
  }

  /** Skip the next chunk if far too much waits and nobody would miss it. */
  #leaveOut(): void {
    if (this.depthMs < LATE_MS) return;
    const chunk = this.#chunks[this.#first];
    if (chunk && chunk.every((sample) => Math.abs(sample) < QUIET)) this.#take();
  }

  #ranDry(): void {
    this.#stop();
    this.#dry = 0;
  }

  #stop(): void {
    this.#playing = false;
    this.#waited = 0;
    this.#resampler.step = this.#straight;
    this.#least = Infinity;
    this.#second = 0;
  }

  /** Keep the depth of the buffer between its bounds. */
  #watch(frames: number): void {
    this.#least = Math.min(this.#least, this.depthMs);
    this.#second += frames;
    if (this.#second < this.#out) return;
    const off = this.#least < LOW_MS ? -1 : this.#least > HIGH_MS ? 1 : 0;
    this.#resampler.step = this.#straight * (1 + off * CORRECTION);
    this.#least = Infinity;
    this.#second = 0;
    this.#calm += 1;
    if (this.#calm >= CALM_S) {
      this.#calm = 0;
      this.#target = Math.max(TARGET_MS, this.#target * 0.8);
    }
  }

  #fadeIn(out: Float32Array, until: number): void {
    for (let i = 0; i < until && this.#gain < 1; i += 1) {
      this.#gain = Math.min(1, this.#gain + this.#fade);
      out[i] = (out[i] as number) * this.#gain;
    }
    if (until > 0) this.#last = out[until - 1] as number;
  }

  /** From the last sample to silence, without a click. */
  #decay(out: Float32Array, from: number): void {
    for (let i = from; i < out.length; i += 1) {
      this.#last = Math.abs(this.#last) < 1e-4 ? 0 : this.#last * (1 - 3 * this.#fade);
      out[i] = this.#last;
    }
  }
}
