import { useEffect, useRef, type ReactNode } from "react";

import { Action } from "@/conversation/Actions";
import { Transcript, type Between } from "@/conversation/Transcript";
import { milliseconds } from "@/lib/format";
import type { Said } from "@/live/types";

import { Composer } from "./Controls";
import type { Segment } from "./timeline";
import type { CallView } from "./useCall";
import type { Conversation } from "./naming";

export interface WordsProps {
  conversation: Conversation;
  view: CallView;
  caller: string;
  current: string | undefined;
  segments: readonly Segment[];
  onPick: ((said: Said) => void) | undefined;
}

/** What was said, with what the agent did in its place; the line that is played is marked. */
export function Words({ conversation, view, caller, current, segments, onPick }: WordsProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const it = box.current;
    const line = it?.querySelector<HTMLElement>("[aria-current]");
    if (!it || !line || current === undefined) return;
    const place = line.getBoundingClientRect().top - it.getBoundingClientRect().top;
    if (place < 40 || place > it.clientHeight - 80) {
      it.scrollTo({ top: it.scrollTop + place - it.clientHeight / 3, behavior: "smooth" });
    }
  }, [current]);
  const between: Between[] = [
    ...view.actions.map((action) => ({
      key: `action ${action.number}`,
      at: action.startedAt,
      content: (
        <div className="rounded-lg sm:ml-11 border border-line bg-sunken/50">
          <Action action={action} />
        </div>
      ),
    })),
    ...view.notes.map((note) => ({
      key: note.key,
      at: note.at,
      content: <p className="text-sm text-muted italic sm:ml-11">The agent was told: {note.text}</p>,
    })),
  ];
  const waits = new Map(view.turns.map((turn) => [turn.number, turn.firstAudioMs]));
  const beside = (said: Said): ReactNode => {
    if (said.source !== "ai") return null;
    const turn = segments.find((each) => each.messageId === String(said.messageId))?.turn ?? null;
    const wait = turn === null ? null : waits.get(turn);
    return wait == null ? null : (
      <span title="From the caller's last sound to the first audio" className="tabular">
        answered in {milliseconds(wait)}
      </span>
    );
  };
  const transcript = (
    <Transcript
      messages={view.messages}
      interim={view.interim}
      live={view.live !== null}
      agentName={conversation.persona_name}
      userName={view.live || conversation.direction !== "web" ? caller : "Visitor"}
      withdrawn
      between={between}
      beside={beside}
      {...(current !== undefined && { current })}
      {...(onPick && !view.live && { onPick })}
      follow={view.live !== null}
      empty={
        <p className="px-5 py-8 text-center text-muted">
          {view.loading ? "Loading…" : view.live ? "Nothing was said yet." : "Nothing was said."}
        </p>
      }
      className={view.live ? "h-[60dvh] min-h-72" : ""}
    />
  );
  if (view.live) {
    return (
      <>
        {transcript}
        <Composer id={conversation.id} />
      </>
    );
  }
  return (
    <div ref={box} className="lg:max-h-[calc(100dvh-7rem)] lg:overflow-y-auto">
      {transcript}
    </div>
  );
}

