/** Everything about a call, live or kept: one shape for the page. */
import { useEffect, useMemo, useRef } from "react";

import { keys, queries } from "@/api/queries";
import type { CallState } from "@/live/topics";
import type { ActionView, LiveCall, Said, TurnView } from "@/live/types";
import { useTopic, useTopicEvents } from "@/live/useTopic";

import {
  actionsOf,
  messagesOf,
  spanOf,
  useActions,
  useConversation,
  useMessages,
  usePart,
  useWaveform,
  type Cost,
  type Note,
  type Part,
  type StateAt,
  type Turns,
  type Waveform,
} from "./record";
import type { Conversation } from "./naming";

export interface CallView {
  /** Null once it is over, and for an earlier part. */
  live: LiveCall | null;
  interim: string;
  messages: readonly Said[];
  notes: readonly Note[];
  actions: readonly ActionView[];
  turns: readonly TurnView[];
  states: readonly StateAt[];
  state: Readonly<Record<string, unknown>>;
  parts: readonly Part[];
  durationMs: number | null;
  /** Null: there is none, or it cannot be drawn; undefined: not yet known. */
  waveform: Waveform | null | undefined;
  /** Why it cannot be drawn. */
  notDrawn: string | undefined;
  /** Null: no prices are set, or there is no journal. */
  cost: Cost | null;
  hasJournal: boolean;
  /** What is kept of it is still being loaded. */
  loading: boolean;
  error: unknown;
}

/** `part`: which one of a conversation that was resumed; null for what goes on now, or the first. */
export function useCall(id: string, part: number | null) {
  const conversation = useConversation(id);
  const topic = useTopic(`call:${id}`);
  const live = part === null && topic !== undefined && topic.call !== null && topic.ended === null;
  useRefreshed(id, topic);

  const kept = !live && (topic !== undefined || conversation.data?.status !== "live");
  const number = part ?? 1;
  const turns = usePart<Turns>(id, "turns", number);
  const messages = useMessages(id, kept);
  const actions = useActions(id, kept);
  const states = usePart<{ items: StateAt[] }>(id, "states", number, "", kept);
  const recorded = kept && !!conversation.data?.recording;
  const drawing = useWaveform(id, number, recorded);

  const view = useMemo((): CallView | undefined => {
    if (conversation.data === undefined) return undefined;
    const parts = turns.data?.parts ?? [];
    if (topic !== undefined && (live || (part === null && topic.call && !messages.data))) {
      return liveView(topic, live, parts, !!turns.data);
    }
    const span = spanOf(conversation.data, parts, number);
    const { said, notes } = messagesOf(messages.data ?? [], span);
    const over = states.data?.items ?? [];
    return {
      live: null,
      interim: "",
      messages: said,
      notes,
      actions: actionsOf(actions.data ?? [], span),
      turns: turns.data?.items ?? [],
      states: over,
      state: over.at(-1)?.state ?? conversation.data.state,
      parts,
      durationMs: turns.data?.durationMs ?? between(conversation.data),
      waveform: !recorded || drawing.isError ? null : drawing.data?.waveform,
      notDrawn: drawing.data && "why" in drawing.data ? drawing.data.why : undefined,
      cost: turns.data?.cost ?? null,
      hasJournal: !!turns.data,
      loading: messages.isPending || turns.isPending,
      error: messages.error ?? actions.error ?? turns.error ?? states.error,
    };
  }, [
    conversation.data,
    topic,
    live,
    part,
    number,
    turns.data,
    turns.isPending,
    turns.error,
    messages.data,
    messages.isPending,
    messages.error,
    actions.data,
    actions.error,
    states.data,
    states.error,
    recorded,
    drawing.data,
    drawing.isError,
  ]);
  return { conversation, view };
}

function liveView(topic: CallState, live: boolean, parts: readonly Part[], journal: boolean): CallView {
  return {
    live: live ? topic.call : null,
    interim: topic.interim,
    messages: topic.messages,
    notes: [],
    actions: topic.actions,
    turns: topic.turns,
    states: topic.states,
    state: topic.state,
    parts,
    durationMs: null,
    waveform: null,
    notDrawn: undefined,
    cost: null,
    hasJournal: journal,
    loading: false,
    error: null,
  };
}

function between(conversation: Conversation): number | null {
  if (!conversation.ended_at) return null;
  return new Date(conversation.ended_at).getTime() - new Date(conversation.created_at).getTime();
}

/** What is kept is read again when the call has ended, and when its record has changed. */
function useRefreshed(id: string, topic: CallState | undefined): void {
  const refresh = () => void queries.invalidateQueries({ queryKey: keys.conversation(id) });
  const ended = topic?.ended ?? null;
  const was = useRef(ended);
  useEffect(() => {
    if (ended !== null && was.current === null) refresh();
    was.current = ended;
  }, [ended]);
  useTopicEvents<{ kind: "conversation"; conversation: Conversation }>("history", (event) => {
    if (event.kind === "conversation" && event.conversation.id === id) refresh();
  });
}
