import assert from "node:assert/strict";
import { test } from "node:test";
import { Capture } from "../src/capture";
import { Playout } from "../src/playout";
import { Resampler } from "../src/resample";

const RATE = 16_000;
const QUANTUM = 128;
const SCRATCH = new Float32Array(QUANTUM);

function tone(hertz: number, rate: number, count: number, amplitude = 0.5, from = 0): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    amplitude * Math.sin((2 * Math.PI * hertz * (i + from)) / rate),
  );
}

function pcm(samples: Float32Array): Int16Array {
  return Int16Array.from(samples, (sample) => Math.round(sample * 32767));
}

function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

function resampled(input: Float32Array, from: number, to: number): Float32Array {
  const resampler = new Resampler(from, to);
  const out = new Float32Array(Math.ceil((input.length * to) / from));
  let made = 0;
  for (let at = 0; at < input.length; at += QUANTUM) {
    resampler.push(input.subarray(at, at + QUANTUM));
    made += resampler.pull(out, made);
  }
  return out.subarray(0, made);
}

test("speech keeps its level between the rates of sound cards and the wire", () => {
  for (const rate of [44_100, 48_000, 96_000]) {
    for (const hertz of [100, 1000, 3400, 6500]) {
      const down = resampled(tone(hertz, rate, rate), rate, RATE).subarray(1000, 15_000);
      const up = resampled(tone(hertz, RATE, RATE), RATE, rate).subarray(5000, 40_000);
      for (const made of [down, up]) {
        const decibels = 20 * Math.log10(rms(made) / (0.5 / Math.SQRT2));
        assert.ok(Math.abs(decibels) < 0.3, `${rate} ${hertz} ${decibels}`);
      }
    }
  }
});

test("what the wire cannot hold is not heard as something else", () => {
  for (const hertz of [9500, 12_000, 20_000]) {
    const made = resampled(tone(hertz, 48_000, 48_000), 48_000, RATE).subarray(1000, 15_000);
    assert.ok(rms(made) < 0.001, `${hertz} ${rms(made)}`);
  }
});

test("a tone is the same tone at the other rate", () => {
  const made = resampled(tone(1000, 48_000, 48_000), 48_000, RATE);
  const expected = tone(1000, RATE, made.length);
  const wrong = made.map((sample, i) => sample - expected[i]).subarray(1000, 15_000);
  assert.ok(rms(wrong) < 0.001, String(rms(wrong)));
});

test("the microphone gives frames of 20 ms", () => {
  const same = new Capture(RATE, RATE);
  const frames = same.push(Float32Array.from({ length: 700 }, () => 1.5));
  assert.deepEqual(frames.map((frame) => frame.length), [320, 320]);
  assert.equal(frames[0][0], 32767, "clipped, not wrapped");
  assert.equal(same.push(new Float32Array(260)).length, 1);
  const other = new Capture(48_000, RATE);
  let count = 0;
  for (let at = 0; at < 48_000; at += QUANTUM) count += other.push(new Float32Array(QUANTUM)).length;
  assert.ok(count === 49 || count === 50, String(count));
});

/** A sound card that pulls, and a server that sends. */
class Room {
  readonly out: Float32Array[] = [];
  readonly playout: Playout;
  #sent = 0;

  constructor(readonly card = 48_000) {
    this.playout = new Playout(RATE, card);
  }

  get sent(): number {
    return this.#sent;
  }

  send(ms: number, amplitude = 0.5): void {
    const count = (RATE * ms) / 1000;
    this.playout.push(pcm(tone(440, RATE, count, amplitude, this.#sent)));
    this.#sent += count;
  }

  play(ms: number): Float32Array {
    const quanta = Math.ceil((this.card * ms) / 1000 / QUANTUM);
    const heard = new Float32Array(quanta * QUANTUM);
    for (let i = 0; i < quanta; i += 1) {
      this.playout.pull(heard.subarray(i * QUANTUM, (i + 1) * QUANTUM));
    }
    return heard;
  }
}

test("audio begins when there is enough, or after a moment", () => {
  const room = new Room();
  room.send(20);
  assert.equal(rms(room.play(10)), 0);
  room.send(40);
  assert.ok(rms(room.play(10)) > 0.2);
  const short = new Room();
  short.send(20);
  assert.ok(rms(short.play(80)) > 0.05, "a short word is not kept back");
});

test("all of it is heard, and counted", () => {
  for (const card of [16_000, 44_100, 48_000]) {
    const room = new Room(card);
    room.send(240);
    let heard = 0;
    for (let i = 0; i < 50; i += 1) {
      room.send(20);
      heard += room.play(20).filter((sample) => sample !== 0).length / card;
      assert.ok(room.playout.played <= room.sent);
    }
    heard += room.play(500).filter((sample) => sample !== 0).length / card;
    assert.equal(room.playout.played, room.sent);
    assert.ok(room.playout.idle);
    assert.ok(Math.abs(heard - room.sent / RATE) < 0.02, String(heard));
    assert.equal(room.playout.underruns, 0);
  }
});

test("S004-98: a flush is silence within 3 ms, without a click, and counts anew", () => {
  const room = new Room();
  room.send(500);
  room.play(200);
  room.playout.flush(1);
  const heard = room.play(50);
  const steps = heard.map((sample, i) => Math.abs(sample - (heard[i - 1] ?? sample)));
  assert.ok(Math.max(...steps) < 0.1, "no click");
  assert.equal(rms(heard.subarray(48 * 6)), 0);
  assert.deepEqual([room.playout.generation, room.playout.played], [1, 0]);
  room.send(100);
  room.play(200);
  assert.equal(room.playout.played, 1600);
});

test("a gap in the midst of speech makes it wait longer the next time, a pause does not", () => {
  const room = new Room();
  room.send(100);
  room.play(150);
  room.send(100);
  room.play(60);
  assert.deepEqual([room.playout.underruns, room.playout.targetMs], [1, 60]);
  room.play(1000);
  room.send(100);
  room.play(200);
  assert.equal(room.playout.underruns, 1);
});

for (const [name, parts] of [
  ["fast", -4000],
  ["slow", 4000],
] as const) {
  test(`a sound card that is too ${name} is followed, for as long as a call lasts`, () => {
    // As much in 80 seconds as 90 parts in a million are in an hour.
    const room = new Room(RATE);
    room.send(240);
    const depths: number[] = [];
    let due = 0;
    for (let at = 0; at < 80_000; at += 100) {
      room.send(100);
      for (due += (RATE / 10) * (1 - parts / 1e6); due >= QUANTUM; due -= QUANTUM) {
        room.playout.pull(SCRATCH);
      }
      depths.push(room.playout.depthMs);
    }
    assert.equal(room.playout.underruns, 0);
    assert.ok(Math.max(...depths) < 620, String(Math.max(...depths)));
    assert.ok(Math.min(...depths) > 5, String(Math.min(...depths)));
  });
}

test("what is far too late is caught up with in the pauses", () => {
  const room = new Room();
  room.send(240);
  room.play(100);
  room.send(1500); // The network was gone and is back.
  for (let i = 0; i < 100; i += 1) {
    room.send(20, i % 4 ? 0.5 : 0.001);
    room.play(20);
  }
  assert.ok(room.playout.depthMs < 1350, String(room.playout.depthMs));
});
