import { RotateCcw } from "lucide-react";
import { useId, useState } from "react";

import { cx } from "@/lib/cx";
import { milliseconds } from "@/lib/format";
import { Card, Field, IconButton, Notice, Select, SkeletonLines, Switch } from "@/ui";

import { useDefaults } from "../editing/defaults";
import { useEditing } from "../editing/useEditing";

type Section = "endpointing" | "interruption";

interface Knob {
  name: string;
  label: string;
  says: string;
  least: number;
  most: number;
  step: number;
  /** What it costs to have less, and more. */
  less: string;
  more: string;
}

const knob = (
  name: string,
  label: string,
  says: string,
  [least, most, step]: [number, number, number],
  [less, more]: [string, string],
): Knob => ({ name, label, says, least, most, step, less, more });

const FASTER: [string, string] = ["answers sooner", "cuts off less"];

const FIXED = [
  knob("fixed_ms", "Silence", "So long a silence ends the turn, whatever was said.", [100, 2000, 50], FASTER),
];
const ADAPTIVE = [
  knob("min_ms", "After a clear ending", "Below 200 ms people are cut off.", [100, 1000, 25], FASTER),
  knob("typical_ms", "When nothing speaks for or against it", "Most turns.", [200, 2000, 50], FASTER),
  knob("max_ms", "After words that cannot be the end", "Such as “my name is…”.", [500, 5000, 100], FASTER),
  knob("spelling_ms", "While a number or a name is spelled", "Until it is complete.", [400, 4000, 100], FASTER),
];
const FURTHER = [
  knob(
    "finished_probability",
    "Clear ending from",
    "The end-of-turn model's probability.",
    [0.3, 1, 0.05],
    ["more endings are clear", "fewer are"],
  ),
  knob(
    "unfinished_probability",
    "Doubt up to",
    "The end-of-turn model's probability.",
    [0, 0.5, 0.05],
    ["fewer doubts", "more doubts"],
  ),
  knob(
    "max_turn_ms",
    "Longest turn without a pause",
    "Then it is taken as a turn: behind babble no detector stops.",
    [5000, 120_000, 5000],
    ["bounds noise", "lets people talk"],
  ),
  knob(
    "stable_ms",
    "Speech without new words",
    "So long, and it is not the caller's any more.",
    [1000, 10_000, 500],
    ["bounds noise", "more patient"],
  ),
  knob("keypad_ms", "Pause after keyed digits", "# completes them at once.", [500, 5000, 100], FASTER),
];
const INTERRUPTION = [
  knob(
    "sustained_ms",
    "Speech that interrupts",
    "So long, even before its words are known.",
    [100, 2000, 50],
    ["gives way sooner", "bears noise"],
  ),
  knob(
    "false_alarm_ms",
    "Going on after a false alarm",
    "Without words so long after the speech stopped, it goes on where it paused.",
    [300, 5000, 100],
    ["goes on sooner", "waits for words"],
  ),
  knob(
    "retract_ms",
    "Still the caller's turn",
    "Speech so soon after the agent's first sound continues the turn.",
    [0, 3000, 50],
    ["holds the floor", "gives it back"],
  ),
];

export function TurnsSection() {
  const { doc, set, problem } = useEditing();
  const defaults = useDefaults();
  const [isFurther, setFurther] = useState(() =>
    FURTHER.some(({ name }) => name in doc.endpointing),
  );
  if (defaults === undefined) return <SkeletonLines lines={6} />;
  const put = (section: Section, name: string, value: unknown) => {
    const { [name]: _, ...rest } = doc[section];
    set({
      [section]: value === undefined || value === defaults[section][name] ? rest : { ...rest, [name]: value },
    });
  };
  const value = (section: Section, name: string) => doc[section][name] ?? defaults[section][name];
  const slider = (section: Section) => (each: Knob) => (
    <Slider
      key={each.name}
      knob={each}
      value={Number(value(section, each.name))}
      preset={Number(defaults[section][each.name])}
      isOwn={each.name in doc[section]}
      onChange={(next) => put(section, each.name, next)}
    />
  );
  const mode = String(value("endpointing", "mode"));
  const isEnabled = value("interruption", "enabled") === true;
  return (
    <>
      <p className="text-muted">
        What is not changed here is the server's. Try values on real calls: the page of a recorded
        call tells what they would have changed.
      </p>
      <Card title="The end of the caller's turn" description="How long a silence means: your turn.">
        <div className="flex flex-col gap-6">
          <Field
            label="How it is found"
            aside={"mode" in doc.endpointing ? "changed" : "as on the server"}
            className="max-w-md"
          >
            <Select
              value={mode}
              onChange={(event) => put("endpointing", "mode", event.target.value)}
            >
              <option value="adaptive">By what was said, and how</option>
              <option value="fixed">By the same silence always</option>
            </Select>
          </Field>
          {(mode === "fixed" ? FIXED : ADAPTIVE).map(slider("endpointing"))}
          <button
            type="button"
            aria-expanded={isFurther}
            onClick={() => setFurther(!isFurther)}
            className="self-start rounded-sm text-sm text-accent underline underline-offset-2"
          >
            {isFurther ? "Fewer settings" : "More settings"}
          </button>
          {isFurther && FURTHER.map(slider("endpointing"))}
          {problem("endpointing", true) && (
            <Notice level="error">{problem("endpointing", true)}</Notice>
          )}
        </div>
      </Card>
      <Card title="Interruptions" description="What it takes to interrupt the persona.">
        <div className="flex flex-col gap-6">
          <Switch
            label="Callers may interrupt"
            hint="Off: the persona finishes what it says."
            checked={isEnabled}
            onChange={(next) => put("interruption", "enabled", next)}
          />
          {isEnabled && INTERRUPTION.map(slider("interruption"))}
          {problem("interruption", true) && (
            <Notice level="error">{problem("interruption", true)}</Notice>
          )}
        </div>
      </Card>
    </>
  );
}

interface SliderProps {
  knob: Knob;
  value: number;
  preset: number;
  isOwn: boolean;
  onChange: (value: number | undefined) => void;
}

function Slider({ knob, value, preset, isOwn, onChange }: SliderProps) {
  const id = useId();
  const { label, says, least, most, step, less, more } = knob;
  const told = (n: number) => (most <= 1 ? n.toFixed(2) : milliseconds(n));
  // A value that was written by hand may lie outside of what is sensible.
  const [low, high] = [Math.min(least, value, preset), Math.max(most, value, preset)];
  const place = (n: number) => `${((n - low) / (high - low)) * 100}%`;
  return (
    <div className="grid gap-x-6 gap-y-1 md:grid-cols-[minmax(0,1fr)_minmax(0,1.2fr)]">
      <div>
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        <p id={`${id}-hint`} className="text-sm text-muted">
          {says}
        </p>
      </div>
      <div className="flex items-center gap-3">
        <div className="min-w-0 grow">
          <div className="relative">
            <input
              id={id}
              type="range"
              min={low}
              max={high}
              step={step}
              value={value}
              aria-describedby={`${id}-hint`}
              aria-valuetext={told(value)}
              onChange={(event) => onChange(Number(event.target.value))}
              className="relative z-1 block h-6 w-full cursor-pointer accent-(--accent)"
            />
            <span
              aria-hidden
              title={`Default: ${told(preset)}`}
              className="pointer-events-none absolute top-0.5 h-5 w-0.5 rounded-full bg-line-strong"
              style={{ left: `calc(0.5rem + (100% - 1rem) * ${place(preset).slice(0, -1)} / 100)` }}
            />
          </div>
          <div aria-hidden className="flex justify-between gap-3 text-xs text-muted">
            <span>← {less}</span>
            <span>{more} →</span>
          </div>
        </div>
        <div className="w-24 shrink-0 text-right">
          <div className={cx("tabular text-sm", isOwn ? "font-semibold" : "text-muted")}>
            {told(value)}
          </div>
          <div className="tabular text-xs text-muted">{isOwn ? `not ${told(preset)}` : "default"}</div>
        </div>
        <IconButton
          size="sm"
          label={`Default for ${label}`}
          icon={<RotateCcw className="size-4" />}
          disabled={!isOwn}
          onClick={() => onChange(undefined)}
        />
      </div>
    </div>
  );
}
