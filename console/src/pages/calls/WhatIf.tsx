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
} from "./whatif";
import { sentenceCase } from "./words";

export interface WhatIfProps {
  id: string;
  part: number;
  /** Show this moment of the call. */
  onPick: (ms: number) => void;
}

const SETTLED_MS = 200;
const SECTIONS: Record<string, string> = {
  endpointing: "How long to wait before answering",
  interruption: "What it takes to interrupt",
};

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
  const sections = [...new Set(shown.map((slider) => slider.section))];
  return (
    <div className="flex flex-col gap-6 px-4 py-4 sm:px-5">
      <div className="flex flex-wrap items-start justify-between gap-3">
        <p className="max-w-prose text-sm text-muted">
          The call is replayed with other settings: which answers would have begun earlier or later,
          and where the agent would have cut the caller off.
        </p>
        <Button
          size="sm"
          icon={<RotateCcw className="size-3.5" />}
          disabled={!changed}
          onClick={() => setWanted({})}
        >
          As recorded
        </Button>
      </div>
      {sections.map((section) => (
        <fieldset key={section} className="flex flex-col gap-4">
          <legend className="mb-3 text-sm font-semibold">
            {SECTIONS[section] ?? sentenceCase(section)}
          </legend>
          {section === "endpointing" && mode && (
            <Mode
              value={mode}
              recorded={String(policy["endpointing"]?.["mode"])}
              onChange={(value) => set("endpointing", "mode", value)}
            />
          )}
          {shown
            .filter((slider) => slider.section === section)
            .map((slider) => (
              <Knob
                key={slider.name}
                slider={slider}
                recorded={Number(policy[section]?.[slider.name] ?? slider.min)}
                value={wanted[section]?.[slider.name] as number | undefined}
                onChange={(value) => set(section, slider.name, value)}
              />
            ))}
        </fieldset>
      ))}
      {replayed.isError && isAsked && <Notice level="error">{replayed.error.message}</Notice>}
      <Result
        turns={turns}
        isAsked={isAsked}
        busy={wanted !== asked || replayed.isFetching}
        onPick={onPick}
      />
      {changed && (
        <div>
          <h3 className="mb-1 text-sm font-medium">These settings, for the configuration</h3>
          <pre tabIndex={0} className="overflow-x-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs">
            {tomlOf(wanted)}
          </pre>
        </div>
      )}
    </div>
  );
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
    <div className="grid grid-cols-[minmax(0,1fr)_auto] gap-x-4">
      <label htmlFor={id} className="text-sm font-medium">
        {known?.label ?? sentenceCase(slider.name)}
      </label>
      <span className="flex h-6 items-center gap-1 text-sm">
        <output htmlFor={id} className={cx("tabular", value !== undefined && "font-semibold text-accent")}>
          {shownValue(slider, now)}
        </output>
        {value !== undefined && (
          <IconButton
            size="sm"
            className="size-6!"
            label={`${known?.label ?? slider.name}: as recorded, ${shownValue(slider, recorded)}`}
            icon={<RotateCcw className="size-3.5" />}
            onClick={() => onChange(null)}
          />
        )}
      </span>
      <div className="relative col-span-2">
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
          className="relative z-10 h-6 w-full accent-(--accent)"
        />
        <span
          aria-hidden
          title={`Recorded: ${shownValue(slider, recorded)}`}
          className="absolute top-0.5 h-5 w-0.5 rounded bg-line-strong"
          style={{ left: `calc(${place} * (100% - 16px) + 7px)` }}
        />
      </div>
      {known && (
        <p id={`${id}-hint`} className="col-span-2 text-xs text-muted">
          {known.hint}
        </p>
      )}
    </div>
  );
}

function shownValue({ name }: Slider, value: number): string {
  if (name.endsWith("_ms")) return value >= 10_000 ? `${value / 1000} s` : `${value} ms`;
  return name.endsWith("probability") ? `${Math.round(value * 100)} %` : String(value);
}

interface ResultProps {
  turns: readonly Change[];
  isAsked: boolean;
  busy: boolean;
  onPick: (ms: number) => void;
}

function Result({ turns, isAsked, busy, onPick }: ResultProps) {
  const summary = summaryOf(turns);
  const first = turns.findIndex(differs);
  const largest = Math.max(200, ...turns.map((each) => Math.abs(each.earlierMs ?? 0)));
  const tone =
    !isAsked || summary.changed === 0
      ? "text-ink"
      : summary.cutOff > 0
        ? "text-danger"
        : summary.medianMs > 0
          ? "text-ok"
          : "text-warn";
  return (
    <section aria-label="What would have been" aria-busy={busy}>
      <p role="status" className={cx("flex items-center gap-2 text-lg font-semibold", tone)}>
        {isAsked ? sentenceOf(summary) : "Move a slider."}
        {busy && isAsked && <Spinner className="size-4 text-muted" />}
      </p>
      <table className="mt-3 w-full text-sm">
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
                <Verdict change={each} />
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

function Verdict({ change }: { change: Change }) {
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
