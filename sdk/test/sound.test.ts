import assert from "node:assert/strict";
import { test } from "node:test";

import { Sound } from "../src/sound";

/** A page whose AudioContext does not run yet; tells whether `Sound` takes it for blocked. */
async function isBlocked(policy?: string): Promise<boolean> {
  const node = { connect: () => undefined, disconnect: () => undefined, fftSize: 0 };
  const context = {
    state: "suspended",
    createAnalyser: () => node,
    createMediaStreamSource: () => node,
    resume: () => new Promise(() => undefined),
  };
  const element = {
    paused: true,
    srcObject: null,
    setAttribute: () => undefined,
    addEventListener: () => undefined,
    play: async () => {
      element.paused = false;
    },
  };
  Object.assign(globalThis, {
    AudioContext: function AudioContext() {
      return context;
    },
    addEventListener: () => undefined,
  });
  const navigator = policy ? { getAutoplayPolicy: () => policy } : {};
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  let told = false;
  const sound = new Sound(element as unknown as HTMLAudioElement, (blocked) => {
    told = blocked;
  });
  sound.playStream({} as MediaStream);
  await new Promise((resolve) => setTimeout(resolve, 350));
  return told;
}

test("a context that may run and is slow is not blocked", async () => {
  assert.ok(await isBlocked());
  assert.ok(await isBlocked("disallowed"));
  assert.ok(!(await isBlocked("allowed")));
});
