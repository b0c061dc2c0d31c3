import type { ReactNode } from "react";

import { duration, milliseconds, money } from "@/lib/format";
import { Elapsed } from "@/ui";

import type { Cost } from "./record";
import type { CallView } from "./useCall";
import { directionOf, reasonOf, transportOf, type Conversation } from "./naming";

/** A call in figures. */
export function Facts({ conversation, view }: { conversation: Conversation; view: CallView }) {
  const { live } = view;
  const answers = view.turns.filter((turn) => turn.answer ?? turn.firstAudioMs !== null);
  const waits = answers.flatMap((turn) => turn.firstAudioMs ?? []).sort((a, b) => a - b);
  const interrupted = view.turns.filter((turn) => turn.interrupted).length;
  const facts: [string, ReactNode][] = [
    ["Call", live ? `${directionOf(live.direction)}, ${transportOf(live.transport)}` : directionOf(conversation.direction)],
    [
      "Length",
      live ? (
        <Elapsed since={live.startedAt} />
      ) : view.durationMs === null ? (
        "–"
      ) : (
        duration(view.durationMs)
      ),
    ],
    ["Answers", answers.length],
    ["First audio", milliseconds(waits[(waits.length - 1) >> 1])],
    ["Slowest", milliseconds(waits.at(-1))],
    ["Interrupted", interrupted],
  ];
  if (live?.userId && live.userId !== live.remote) facts.splice(1, 0, ["User", live.userId]);
  if (!live && conversation.status !== "live") {
    facts.push(["Cost", view.cost === null ? <span title="Set [prices] in the configuration">–</span> : <Estimated cost={view.cost} />]);
    facts.push(["How it ended", conversation.status === "paused" ? "Paused" : reasonOf(conversation.end_reason)]);
  }
  return (
    <dl className="grid grid-cols-3 gap-x-4 [&>:last-child:nth-child(3n+1)]:col-span-3 [&>:last-child:nth-child(3n+2)]:col-span-2 gap-y-3 max-sm:text-sm lg:flex lg:flex-wrap lg:gap-x-10">
      {facts.map(([label, value]) => (
        <div key={label} className="min-w-0">
          <dt className="text-xs text-muted">{label}</dt>
          <dd className={"tabular font-medium break-words"}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** By the configured prices; with its parts to those who point at it. */
function Estimated({ cost }: { cost: Cost }) {
  const parts = [
    `language model ${money(cost.llm, cost.currency)}`,
    `speech ${money(cost.tts, cost.currency)}`,
    `recognition ${money(cost.stt, cost.currency)}`,
  ];
  return (
    <span title={`An estimate by [prices]: ${parts.join(", ")}`}>
      {money(cost.total, cost.currency)}
    </span>
  );
}
