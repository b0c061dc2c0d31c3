import { ChevronRight } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import { cx } from "@/lib/cx";
import { milliseconds } from "@/lib/format";
import type { StageView, TurnView } from "@/live/types";
import { Badge } from "@/ui/badge";

/** What a stage is called, and what it waits for. */
export const STAGES: Record<string, { label: string; color: string; about: string }> = {
  endpointing: {
    label: "End of turn",
    color: "var(--stage-endpointing)",
    about: "From the caller's last sound to the decision to answer",
  },
  stt: {
    label: "Speech to text",
    color: "var(--stage-stt)",
    about: "From asking the recognizer to the final words",
  },
  llm_first_token: {
    label: "Language model",
    color: "var(--stage-llm)",
    about: "To its first token",
  },
  first_clause: {
    label: "First clause",
    color: "var(--stage-clause)",
    about: "From the first token to the first piece that can be spoken",
  },
  tts_first_byte: {
    label: "Text to speech",
    color: "var(--stage-tts)",
    about: "From the first piece to its first audio",
  },
  sending: {
    label: "Sending",
    color: "var(--stage-sending)",
    about: "From decided and ready to the first audio that leaves",
  },
  heard: { label: "Heard", color: "var(--stage-heard)", about: "While it was played" },
};

export interface WaterfallProps {
  turns: readonly TurnView[];
  /** The number of a turn to open and show. */
  shown?: number | null;
}

/** The turns of a call, each as a waterfall; the latest is open. */
export function Waterfall({ turns, shown = null }: WaterfallProps) {
  const [picked, setPicked] = useState<ReadonlyMap<number, boolean>>(new Map());
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    if (shown === null) return;
    setPicked((before) => new Map(before).set(shown, true));
    list.current?.querySelector(`[data-turn="${shown}"]`)?.scrollIntoView({ block: "nearest" });
  }, [shown]);
  const latest = turns.at(-1)?.number;
  return (
    <div className="flex flex-col">
      <Summary turns={turns} />
      <ol ref={list} className="divide-y divide-line">
        {turns.toReversed().map((turn) => {
          const open = picked.get(turn.number) ?? turn.number === latest;
          return (
            <li key={turn.number} data-turn={turn.number}>
              <Turn
                turn={turn}
                open={open}
                onToggle={() => setPicked(new Map(picked).set(turn.number, !open))}
              />
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function Summary({ turns }: { turns: readonly TurnView[] }) {
  const waits = turns.flatMap((turn) => turn.firstAudioMs ?? []).sort((a, b) => a - b);
  if (waits.length === 0) return null;
  const at = (part: number) => waits[Math.min(waits.length - 1, Math.floor(waits.length * part))];
  const middle = at(0.5) ?? 0;
  const figures: [string, number | undefined][] = [
    ["Median", middle],
    ["Fastest", waits[0]],
    ["Slowest", waits.at(-1)],
  ];
  return (
    <div className="border-b border-line px-4 py-4 sm:px-5">
      <p className="text-sm text-muted">From the caller's last sound to the first audio</p>
      <dl className="mt-1.5 grid grid-cols-3 gap-2">
        {figures.map(([label, ms], number) => (
          <div key={label}>
            <dd
              className={cx(
                "tabular font-semibold",
                number === 0 ? cx("text-xl", toneOf(middle)) : "pt-1 text-base",
              )}
            >
              {milliseconds(ms)}
            </dd>
            <dt className="text-xs text-muted">{label}</dt>
          </div>
        ))}
      </dl>
    </div>
  );
}

function toneOf(ms: number): string {
  return ms <= 900 ? "text-ok" : ms <= 1600 ? "text-warn" : "text-danger";
}

interface TurnProps {
  turn: TurnView;
  open: boolean;
  onToggle: () => void;
}

function Turn({ turn, open, onToggle }: TurnProps) {
  const { asked, after } = askedIn(turn);
  const measured = turn.firstAudioMs !== null;
  const took = measured ? turn.firstAudioMs : sinceBegun(turn);
  return (
    <div>
      <button
        type="button"
        aria-expanded={open}
        onClick={onToggle}
        className="flex w-full items-start gap-2 px-4 py-3 text-left -outline-offset-2! hover:bg-hover/60 sm:px-5"
      >
        <ChevronRight
          aria-hidden
          className={cx(
            "mt-1 size-4 shrink-0 text-muted transition-transform",
            open && "rotate-90",
          )}
        />
        <span className="min-w-0 grow">
          <span className="flex items-center gap-2">
            <span className="text-sm font-medium">Turn {turn.number}</span>
            {turn.interrupted && <Badge tone="warn">Interrupted</Badge>}
            {after && <Badge>After {after}</Badge>}
            {turn.speechEnded === null && !after && (
              <Badge>{turn.userText ? "Written" : "Phrase"}</Badge>
            )}
          </span>
          <span className="block truncate text-sm text-muted">{asked || turn.agentText}</span>
        </span>
        <span
          className={cx(
            "tabular shrink-0 text-sm font-semibold",
            !measured || took === null ? "font-normal! text-muted" : toneOf(took),
          )}
        >
          {milliseconds(took)}
        </span>
      </button>
      {open && <Bars turn={turn} />}
    </div>
  );
}

/** What the caller said, without what actions gave; and behind which action it is, if it is. */
function askedIn(turn: TurnView): { asked: string; after: string } {
  const [, after = "", rest = ""] = /^\(Result of ([^:]+):.*\)\s*(.*)$/s.exec(turn.userText) ?? [];
  return after ? { asked: rest, after: rest ? "" : after } : { asked: turn.userText, after: "" };
}

/** Of what answers no speech: from its first stage to the first audio. */
function sinceBegun(turn: TurnView): number | null {
  if (turn.firstAudio === null || turn.stages.length === 0) return null;
  return turn.firstAudio - Math.min(...turn.stages.map((stage) => stage.start));
}

/** The stages on one axis; a table, so that it is one for screen readers too. */
export function Bars({ turn }: { turn: TurnView }) {
  const stages = turn.stages.filter((stage) => stage.name !== "heard");
  const heard = turn.stages.find((stage) => stage.name === "heard");
  if (stages.length === 0) {
    return <p className="px-4 pb-4 pl-10 text-sm text-muted sm:pl-11">Nothing was measured.</p>;
  }
  const zero = turn.speechEnded ?? Math.min(...stages.map((stage) => stage.start));
  const start = Math.min(zero, ...stages.map((stage) => stage.start));
  const end = Math.max(turn.firstAudio ?? 0, ...stages.map((stage) => stage.end), start + 1);
  const place = (at: number) => `${(((at - start) / (end - start)) * 100).toFixed(2)}%`;
  return (
    <div className="px-4 pb-4 sm:px-5">
      <table className="w-full text-xs">
        <caption className="sr-only">
          Stages of turn {turn.number}, in milliseconds from the caller's last sound
        </caption>
        <thead className="sr-only">
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">When</th>
            <th scope="col">Took</th>
          </tr>
        </thead>
        <tbody>
          {stages.map((stage) => (
            <Row key={stage.name} stage={stage} zero={zero} place={place} />
          ))}
        </tbody>
      </table>
      <p className="mt-2 flex justify-between gap-4 text-xs text-muted">
        <span>{heard && `Then heard for ${milliseconds(heard.end - heard.start)}`}</span>
        <span className="tabular">
          {turn.firstAudio !== null && `first audio +${milliseconds(turn.firstAudio - zero)}`}
        </span>
      </p>
    </div>
  );
}

interface RowProps {
  stage: StageView;
  zero: number;
  place: (at: number) => string;
}

function Row({ stage, zero, place }: RowProps) {
  const known = STAGES[stage.name];
  const took = stage.end - stage.start;
  return (
    <tr title={known?.about}>
      <th scope="row" className="w-26 py-1 pr-3 text-left font-normal whitespace-nowrap text-muted">
        {known?.label ?? stage.name}
      </th>
      <td className="py-1">
        <span className="sr-only">
          from {stage.start - zero} to {stage.end - zero} ms
        </span>
        <span aria-hidden className="relative block h-3.5 rounded-sm bg-sunken">
          <span className="absolute inset-y-0 w-px bg-line-strong" style={{ left: place(zero) }} />
          <span
            className="absolute inset-y-0 min-w-0.5 rounded-sm"
            style={{
              left: place(stage.start),
              width: `calc(${place(stage.end)} - ${place(stage.start)})`,
              background: known?.color ?? "var(--muted)",
            }}
          />
        </span>
      </td>
      <td className="tabular w-18 py-1 pl-3 text-right">{took} ms</td>
    </tr>
  );
}
