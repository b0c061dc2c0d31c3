/** What another policy would have changed in a call: the answer of the API, and its sum. */

import { count } from "@/lib/format";

export type Policy = Record<string, Record<string, number | string | boolean>>;

export interface Slider {
  section: string;
  name: string;
  min: number;
  max: number;
  step: number;
}

/** One turn; times are when the agent took the floor, since the call began. */
export interface Change {
  turn: number;
  recordedMs: number | null;
  replayedMs: number | null;
  /** Negative: later. */
  earlierMs: number | null;
  cutOff: boolean;
  text: string;
}

export interface WhatIfAnswer {
  turns: Change[];
  /** As recorded. */
  policy: Policy;
  sliders: Slider[];
}

/** What differs from the record, as the API takes it. */
export type Wanted = Record<string, Record<string, number | string>>;

export interface Summary {
  /** Over the turns that both have; positive: faster. */
  medianMs: number;
  earlier: number;
  later: number;
  cutOff: number;
  /** Answers that would not have been given. */
  missing: number;
  /** Those that were not given. */
  added: number;
}

export function differs(change: Change): boolean {
  return change.earlierMs !== 0 || change.cutOff;
}

export function summaryOf(turns: readonly Change[]): Summary {
  const both = turns.flatMap((each) => each.earlierMs ?? []).sort((a, b) => a - b);
  const half = both.length >> 1;
  const middle =
    both.length % 2 ? (both[half] ?? 0) : ((both[half - 1] ?? 0) + (both[half] ?? 0)) / 2;
  return {
    medianMs: Math.round(middle),
    earlier: both.filter((ms) => ms > 0).length,
    later: both.filter((ms) => ms < 0).length,
    cutOff: turns.filter((each) => each.cutOff).length,
    missing: turns.filter((each) => each.replayedMs === null).length,
    added: turns.filter((each) => each.recordedMs === null).length,
  };
}

/** `Median 180 ms faster, 1 turn cut off.` */
export function sentenceOf(summary: Summary): string {
  const { medianMs, earlier, later, cutOff, missing, added } = summary;
  if (!(earlier || later || cutOff || missing || added)) return "Nothing would have changed.";
  const parts = [
    medianMs === 0
      ? "Median unchanged"
      : `Median ${Math.abs(medianMs)} ms ${medianMs > 0 ? "faster" : "slower"}`,
    cutOff === 0 ? "nobody cut off" : `${count(cutOff, "turn")} cut off`,
  ];
  if (medianMs === 0 && later > 0) parts.splice(1, 0, `${later} later`);
  if (medianMs === 0 && earlier > 0) parts.splice(1, 0, `${earlier} earlier`);
  if (missing > 0) parts.push(`${count(missing, "answer")} missing`);
  if (added > 0) parts.push(count(added, "new answer"));
  return `${parts.join(", ")}.`;
}

/** The settings as they would be written into a configuration. */
export function tomlOf(wanted: Wanted): string {
  return Object.entries(wanted)
    .filter(([, values]) => Object.keys(values).length > 0)
    .map(([section, values]) => {
      const lines = Object.entries(values).map(
        ([name, value]) => `${name} = ${typeof value === "string" ? `"${value}"` : value}`,
      );
      return [`[${section}]`, ...lines].join("\n");
    })
    .join("\n\n");
}

export const LABELS: Record<string, { label: string; hint: string }> = {
  "endpointing.fixed_ms": { label: "Silence", hint: "The same, whatever was said" },
  "endpointing.min_ms": { label: "After a clear ending", hint: "Below 200 ms people are cut off" },
  "endpointing.typical_ms": {
    label: "Typical",
    hint: "When nothing speaks for or against an ending",
  },
  "endpointing.max_ms": { label: "After an unfinished sentence", hint: "Such as “my name is…”" },
  "endpointing.spelling_ms": {
    label: "While spelling",
    hint: "When a number, an address or a name is not complete",
  },
  "endpointing.finished_probability": {
    label: "Counts as finished from",
    hint: "What the end-of-turn model must say",
  },
  "endpointing.unfinished_probability": {
    label: "Counts as a doubt up to",
    hint: "What the end-of-turn model must say",
  },
  "endpointing.max_turn_ms": {
    label: "Longest turn",
    hint: "Speech without a pause for so long is taken as a turn",
  },
  "endpointing.stable_ms": {
    label: "Words that stay the same",
    hint: "For so long while speech goes on: it is not the caller's",
  },
  "endpointing.keypad_ms": { label: "After a key", hint: "Then the keyed digits are complete" },
  "interruption.sustained_ms": {
    label: "Speech that interrupts",
    hint: "Lasting so long, even before its words are known",
  },
  "interruption.false_alarm_ms": {
    label: "False alarm",
    hint: "Without words for so long, the agent goes on where it paused",
  },
  "interruption.retract_ms": {
    label: "Takes the answer back",
    hint: "Speech so soon after the agent's first audio continues the caller's turn",
  },
};
