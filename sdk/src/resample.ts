/**
 * Changes the rate of a stream of samples, band-limited, by a ratio that may change while it runs.
 *
 * A windowed sinc (Kaiser) of `ZEROS` zero crossings on each side, tabled in `PHASES` steps between
 * two samples and interpolated linearly: images and aliases are 60 dB down and more for speech.
 * Going down, the kernel is stretched, so that what the lower rate cannot hold is filtered out.
 */

const ZEROS = 16;
const PHASES = 128;
const KAISER_BETA = 8;
/** Of the lower rate's band: the rest is where the filter falls off. */
const PASS = 0.92;

export class Resampler {
  /** Samples of the input for each one of the output. May be changed by a little. */
  step: number;
  readonly #reach: number;
  readonly #table: Float32Array;
  readonly #perSample: number;
  #input: Float32Array;
  #held = 0;
  /** Where the next output sample lies, counted in input samples from the first one held. */
  #at: number;

  constructor(inputRate: number, outputRate: number) {
    this.step = inputRate / outputRate;
    const cutoff = Math.min(1, outputRate / inputRate) * PASS;
    this.#reach = Math.ceil(ZEROS / cutoff);
    this.#perSample = PHASES;
    this.#table = kernel(this.#reach, cutoff);
    this.#input = new Float32Array(this.#reach * 2 + 4096);
    this.#held = this.#reach; // Silence before the first sample.
    this.#at = this.#reach;
  }

  /** Input that no output was made of yet, in samples. */
  get ahead(): number {
    return this.#held - this.#at;
  }

  push(samples: Float32Array): void {
    if (this.#held + samples.length > this.#input.length) {
      const grown = new Float32Array(2 * (this.#held + samples.length));
      grown.set(this.#input.subarray(0, this.#held));
      this.#input = grown;
    }
    this.#input.set(samples, this.#held);
    this.#held += samples.length;
  }

  /** Fill `out` from `from` on as far as the input goes; how many samples that were. */
  pull(out: Float32Array, from = 0): number {
    const input = this.#input;
    const table = this.#table;
    const reach = this.#reach;
    let made = from;
    while (made < out.length && this.#at + reach < this.#held) {
      const whole = Math.floor(this.#at);
      const phase = (this.#at - whole) * this.#perSample;
      const step = Math.floor(phase);
      const part = phase - step;
      let sum = 0;
      // The kernel's value at a distance of k - fraction samples lies at (k + reach) * PHASES - phase.
      let place = this.#perSample - step - 1;
      for (let k = 1 - reach; k <= reach; k += 1) {
        const low = table[place] as number;
        const high = table[place + 1] as number;
        sum += (input[whole + k] as number) * (high + (low - high) * part);
        place += this.#perSample;
      }
      out[made] = sum;
      made += 1;
      this.#at += this.step;
    }
    this.#forget();
    return made - from;
  }

  /** Throw away what was not given out. */
  clear(): void {
    this.#input.fill(0);
    this.#held = this.#reach;
    this.#at = this.#reach;
  }

  #forget(): void {
    const past = Math.floor(this.#at) - this.#reach;
    if (past < 2048) return;
    this.#input.copyWithin(0, past, this.#held);
    this.#held -= past;
    this.#at -= past;
  }
}

/** The filter from -reach to +reach samples, in steps of 1/PHASES; its sum at each phase is 1. */
function kernel(reach: number, cutoff: number): Float32Array {
  const size = 2 * reach * PHASES + 1;
  const table = new Float32Array(size);
  const middle = reach * PHASES;
  for (let i = 0; i < size; i += 1) {
    const distance = (i - middle) / PHASES;
    const x = Math.PI * distance * cutoff;
    const sinc = distance === 0 ? 1 : Math.sin(x) / x;
    const edge = distance / reach;
    table[i] = cutoff * sinc * (bessel(KAISER_BETA * Math.sqrt(Math.max(0, 1 - edge * edge))) / bessel(KAISER_BETA));
  }
  return table;
}

/** The modified Bessel function of the first kind, order 0. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; k < 50; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
    if (term < sum * 1e-12) break;
  }
  return sum;
}
