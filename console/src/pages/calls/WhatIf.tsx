import { RotateCcw } from "lucide-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";

import { ask } from "@/api/client";
import { keys } from "@/api/queries";
import { cx } from "@/lib/cx";
import { duration } from "@/lib/format";
import { Badge, Button, IconButton, LoadError, Notice, SkeletonLines, Spinner } from "@/ui";

import { partPath } from "./record";
import {
  differs,
  LABELS,
  sentenceOf,
  summaryOf,
  tomlOf,
  type Change,
  type Slider,
  type Wanted,
  type WhatIfAnswer,
} from "./changes";
import { sentenceCase } from "./naming";

export interface WhatIfProps {
  id: string;
  part: number;
  /** Show this moment of the call. */
  onPick: (ms: number) => void;
}

const SETTLED_MS = 200;
/** What one turns first; the others are folded away. */
const USUAL = [
  "endpointing.fixed_ms",
  "endpointing.min_ms",
  "endpointing.typical_ms",
  "endpointing.max_ms",
  "interruption.sustained_ms",
];

/** The call again under other settings: what would have been faster, or cut off. */
export function WhatIf({ id, part, onPick }: WhatIfProps) {
  const [wanted, setWanted] = useState<Wanted>({});
  const asked = useSettled(wanted);
  const path = partPath(id, "what-if", part);
  const recorded = useQuery({
    queryKey: keys.conversationPart(id, `what-if ${part}`),
    queryFn: () => ask<WhatIfAnswer>("POST", path, {}),
    staleTime: Infinity,
  });
  const isAsked = Object.values(asked).some((values) => Object.keys(values).length > 0);
  // A request that is not wanted any more is cancelled: its key has no observer then.
  const replayed = useQuery({
    queryKey: keys.conversationPart(id, `what-if ${part} ${JSON.stringify(asked)}`),
    queryFn: ({ signal }) => ask<WhatIfAnswer>("POST", path, asked, signal),
    enabled: isAsked && recorded.isSuccess,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 60_000,
  });

  if (recorded.isError) {
    return (
      <div className="p-5">
        <LoadError error={recorded.error} retry={() => void recorded.refetch()} />
      </div>
    );
  }
  if (recorded.data === undefined) {
    return (
      <div className="p-5">
        <SkeletonLines lines={6} />
      </div>
    );
  }
  const { policy, sliders } = recorded.data;
  const turns = (isAsked ? replayed.data : undefined)?.turns ?? recorded.data.turns;
  const set = (section: string, name: string, value: number | string | null) =>
    setWanted((before) => {
      const { [name]: _, ...rest } = before[section] ?? {};
      const values = value === null || value === policy[section]?.[name] ? rest : { ...rest, [name]: value };
      return { ...before, [section]: values };
    });
  const changed = Object.values(wanted).some((values) => Object.keys(values).length > 0);
  const mode = String(wanted["endpointing"]?.["mode"] ?? policy["endpointing"]?.["mode"] ?? "");
  const shown = sliders.filter(
    ({ section, name }) =>
      section !== "endpointing" ||
      !mode ||
      name.startsWith("max_turn") ||
      (mode === "fixed") === (name === "fixed_ms"),
  );
  const knob = (slider: Slider) => (
    <Knob
      key={`${slider.section}.${slider.name}`}
      slider={slider}
      recorded={Number(policy[slider.section]?.[slider.name] ?? slider.min)}
      value={wanted[slider.section]?.[slider.name] as number | undefined}
      onChange={(value) => set(slider.section, slider.name, value)}
    />
  );
  const usual = shown.filter(isUsual);
  const more = shown.filter((slider) => !isUsual(slider));
  return (
    <div className="flex flex-col gap-5 px-4 pb-4 sm:px-5">
      <div className="sticky top-0 z-20 -mx-1 flex flex-wrap items-center justify-between gap-3 border-b border-line bg-surface px-1 py-3">
        <Verdict turns={turns} isAsked={isAsked} busy={wanted !== asked || replayed.isFetching} />
        <Button
          size="sm"
          icon={<RotateCcw className="size-3.5" />}
          disabled={!changed}
          onClick={() => setWanted({})}
        >
          As recorded
        </Button>
      </div>
      {replayed.isError && isAsked && <Notice level="error">{replayed.error.message}</Notice>}
      <fieldset className="flex flex-col gap-3">
        <legend className="sr-only">Settings</legend>
        {mode && (
          <Mode
            value={mode}
            recorded={String(policy["endpointing"]?.["mode"])}
            onChange={(value) => set("endpointing", "mode", value)}
          />
        )}
        {usual.map(knob)}
        {more.length > 0 && (
          <details>
            <summary className="w-fit text-sm font-medium text-accent">More settings</summary>
            <div className="mt-3 flex flex-col gap-3">{more.map(knob)}</div>
          </details>
        )}
      </fieldset>
      <Changes turns={turns} onPick={onPick} />
      {changed && (
        <div>
          <h3 className="mb-1 text-sm font-medium">These settings, for the configuration</h3>
          <pre
            tabIndex={0}
            className="overflow-x-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs"
          >
            {tomlOf(wanted)}
          </pre>
        </div>
      )}
    </div>
  );
}

function isUsual({ section, name }: Slider): boolean {
  return USUAL.includes(`${section}.${name}`);
}

interface ModeProps {
  value: string;
  recorded: string;
  onChange: (value: string) => void;
}

function Mode({ value, recorded, onChange }: ModeProps) {
  const name = useId();
  return (
    <div role="radiogroup" aria-label="Mode" className="flex flex-wrap gap-x-5 gap-y-2 text-sm">
      {["adaptive", "fixed"].map((mode) => (
        <label key={mode} className="flex items-center gap-2">
          <input
            type="radio"
            name={name}
            className="size-4 accent-(--accent)"
            checked={value === mode}
            onChange={() => onChange(mode)}
          />
          {mode === "adaptive" ? "By what was said" : "Always the same silence"}
          {mode === recorded && <span className="text-xs text-muted">(recorded)</span>}
        </label>
      ))}
    </div>
  );
}

interface KnobProps {
  slider: Slider;
  recorded: number;
  value: number | undefined;
  onChange: (value: number | null) => void;
}

function Knob({ slider, recorded, value, onChange }: KnobProps) {
  const id = useId();
  const { min, max, step } = slider;
  const known = LABELS[`${slider.section}.${slider.name}`];
  const now = value ?? recorded;
  const place = Math.min(1, Math.max(0, (recorded - min) / (max - min || 1)));
  return (
    <div className="grid grid-cols-[minmax(0,11rem)_minmax(0,1fr)_6.5rem] items-center gap-x-3 max-sm:grid-cols-[minmax(0,1fr)_6.5rem]">
      <label htmlFor={id} title={known?.hint} className="text-sm leading-tight">
        {known?.label ?? sentenceCase(slider.name)}
      </label>
      <div className="relative max-sm:order-3 max-sm:col-span-2">
        <span
          aria-hidden
          title={`Recorded: ${shownValue(slider, recorded)}`}
          className="absolute top-0.5 h-5 w-0.5 rounded bg-line-strong"
          style={{ left: `calc(${place} * (100% - 16px) + 7px)` }}
        />
        <input
          id={id}
          type="range"
          name={`${slider.section}.${slider.name}`}
          min={min}
          max={max}
          step={step}
          value={now}
          aria-describedby={known && `${id}-hint`}
          aria-valuetext={shownValue(slider, now)}
          onChange={(event) => onChange(Number(event.target.value))}
          className="relative block h-6 w-full accent-(--accent)"
        />
      </div>
      <span className="flex h-6 items-center justify-end gap-0.5 text-sm">
        {value !== undefined && (
          <IconButton
            size="sm"
            className="size-6!"
            label={`${known?.label ?? slider.name}: as recorded, ${shownValue(slider, recorded)}`}
            icon={<RotateCcw className="size-3.5" />}
            onClick={() => onChange(null)}
          />
        )}
        <span className={cx("tabular", value !== undefined && "font-semibold text-accent")}>
          {shownValue(slider, now)}
        </span>
      </span>
      {known && (
        <span id={`${id}-hint`} className="sr-only">
          {known.hint}
        </span>
      )}
    </div>
  );
}

function shownValue({ name }: Slider, value: number): string {
  if (name.endsWith("_ms")) return value >= 10_000 ? `${value / 1000} s` : `${value} ms`;
  return name.endsWith("probability") ? `${Math.round(value * 100)} %` : String(value);
}

interface VerdictProps {
  turns: readonly Change[];
  isAsked: boolean;
  busy: boolean;
}

/** All turns in one sentence. */
function Verdict({ turns, isAsked, busy }: VerdictProps) {
  const summary = summaryOf(turns);
  const tone =
    !isAsked || (summary.medianMs === 0 && summary.cutOff === 0)
      ? "text-ink"
      : summary.cutOff > 0
        ? "text-danger"
        : summary.medianMs > 0
          ? "text-ok"
          : "text-warn";
  return (
    <p
      role="status"
      aria-busy={busy}
      className={cx("flex min-w-0 items-center gap-2 font-semibold", tone)}
    >
      {isAsked ? sentenceOf(summary) : "What if the agent had waited less, or more?"}
      {busy && isAsked && <Spinner className="size-4 shrink-0 text-muted" />}
    </p>
  );
}

interface ChangesProps {
  turns: readonly Change[];
  onPick: (ms: number) => void;
}

function Changes({ turns, onPick }: ChangesProps) {
  const first = turns.findIndex(differs);
  const largest = Math.max(200, ...turns.map((each) => Math.abs(each.earlierMs ?? 0)));
  return (
    <section aria-label="Turn by turn">
      <table className="w-full text-sm">
        <caption className="sr-only">Each turn as recorded and as it would have been</caption>
        <thead>
          <tr className="border-b border-line text-left text-xs text-muted">
            <th scope="col" className="py-1.5 pr-3 font-medium">
              Turn
            </th>
            <th scope="col" className="py-1.5 font-medium">
              Later | earlier
            </th>
            <th scope="col" className="py-1.5 pl-3 text-right font-medium">
              Change
            </th>
          </tr>
        </thead>
        <tbody>
          {turns.map((each, at) => (
            <tr key={each.turn} data-change={each.earlierMs ?? ""} className="border-b border-line last:border-0">
              <td className="max-w-40 py-2 pr-3 sm:max-w-64">
                <button
                  type="button"
                  onClick={() => onPick(each.recordedMs ?? each.replayedMs ?? 0)}
                  className="block w-full truncate rounded-sm text-left hover:underline"
                >
                  {each.text || "(no words)"}
                </button>
                <span className="tabular text-xs text-muted">
                  {each.recordedMs === null ? "not answered" : `at ${duration(each.recordedMs)}`}
                </span>
              </td>
              <td className="w-1/3 py-2">
                <Difference ms={each.earlierMs ?? 0} largest={largest} cutOff={each.cutOff} />
              </td>
              <td className="py-2 pl-3 text-right">
                <Outcome change={each} />
                {first >= 0 && at > first && differs(each) && (
                  <span className="block text-xs text-muted">estimate</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {turns.length === 0 && <p className="py-3 text-sm text-muted">The agent answered nothing.</p>}
      <p className="mt-3 text-xs text-muted">
        Measured is when the agent takes the floor; its first audio comes when the answer is ready,
        too. The result is exact up to the first turn that changes and an estimate after it: callers
        would have heard something else, and said something else.
      </p>
    </section>
  );
}

function Difference({ ms, largest, cutOff }: { ms: number; largest: number; cutOff: boolean }) {
  const width = `${(Math.abs(ms) / largest) * 50}%`;
  return (
    <span aria-hidden className="relative block h-3 rounded-sm bg-sunken">
      <span className="absolute inset-y-0 left-1/2 w-px bg-line-strong" />
      {ms !== 0 && (
        <span
          className={cx(
            "absolute inset-y-0 min-w-0.5 rounded-sm",
            cutOff ? "bg-danger" : ms > 0 ? "bg-ok" : "bg-warn",
          )}
          style={ms > 0 ? { left: "50%", width } : { right: "50%", width }}
        />
      )}
    </span>
  );
}

function Outcome({ change }: { change: Change }) {
  if (change.cutOff) {
    return (
      <span className="inline-flex flex-col items-end gap-0.5">
        <Badge tone="danger">Cut off</Badge>
        {change.earlierMs !== null && (
          <span className="tabular text-xs text-muted">{change.earlierMs} ms earlier</span>
        )}
      </span>
    );
  }
  if (change.replayedMs === null) return <Badge tone="warn">No answer</Badge>;
  if (change.recordedMs === null) return <Badge tone="warn">A new answer</Badge>;
  const ms = change.earlierMs ?? 0;
  if (ms === 0) return <span className="text-muted">the same</span>;
  return (
    <span className={cx("tabular whitespace-nowrap", ms > 0 ? "text-ok" : "text-warn")}>
      {Math.abs(ms)} ms {ms > 0 ? "earlier" : "later"}
    </span>
  );
}

/** The value once it has not changed for a moment. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
