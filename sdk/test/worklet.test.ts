import assert from "node:assert/strict";
import { test } from "node:test";

interface Processor {
  readonly port: { onmessage(event: { data: unknown }): void };
  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}
const processors = new Map<string, new (options: object) => Processor>();

Object.assign(globalThis, {
  sampleRate: 48_000,
  currentFrame: 0,
  AudioWorkletProcessor: class {
    readonly port = { postMessage: () => undefined };
  },
  registerProcessor: (name: string, processor: new (options: object) => Processor) => {
    processors.set(name, processor);
  },
});

test("what is closed is not called any more", async () => {
  await import("../src/worklet");
  for (const name of ["voice-agent-capture", "voice-agent-playout"]) {
    const Made = processors.get(name);
    assert.ok(Made, name);
    const made = new Made({ processorOptions: { rate: 16_000 } });
    const quantum = (): boolean => made.process([], [[new Float32Array(128)]]);
    assert.ok(quantum(), name);
    made.port.onmessage({ data: "close" });
    assert.ok(!quantum(), name);
  }
});
