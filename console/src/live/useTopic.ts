/** React's view of the live socket. */
import { useEffect, useRef, useSyncExternalStore } from "react";

import { live, type LiveStatus } from "./socket";
import {
  boardOf,
  boardWith,
  callOf,
  callWith,
  type BoardState,
  type CallState,
} from "./topics";
import type { BoardEvent, CallEvent, CallTopic, Topic } from "./types";

type State = BoardState | CallState;

/** One per topic that is shown, shared by all components that show it. */
class Store {
  value: State | undefined;
  private readonly observers = new Set<() => void>();
  private stop: (() => void) | undefined;

  constructor(private readonly topic: "board" | CallTopic) {}

  readonly subscribe = (observer: () => void): (() => void) => {
    this.observers.add(observer);
    this.stop ??= live.watch(this.topic, (message) => {
      if (message.type === "snapshot") this.snapshot(message.body);
      else if (message.type === "event") this.event(message.event);
    });
    return () => {
      this.observers.delete(observer);
      // Not at once: the next page often shows the same.
      setTimeout(() => this.rest(), 1000);
    };
  };

  private rest(): void {
    if (this.observers.size > 0) return;
    this.stop?.();
    this.stop = undefined;
    this.value = undefined;
    if (stores.get(this.topic) === this) stores.delete(this.topic);
  }

  private snapshot(body: unknown): void {
    this.set(
      this.topic === "board"
        ? boardOf(body as Partial<BoardState>)
        : callOf(body as Partial<CallState>),
    );
  }

  private event(event: { kind: string }): void {
    if (this.value === undefined || event.kind === "levels") return;
    this.set(
      this.topic === "board"
        ? boardWith(this.value as BoardState, event as BoardEvent)
        : callWith(this.value as CallState, event as CallEvent),
    );
  }

  private set(value: State): void {
    if (value === this.value) return;
    this.value = value;
    for (const observer of [...this.observers]) observer();
  }
}

const stores = new Map<string, Store>();
const nothing = () => () => undefined;

function storeOf(topic: "board" | CallTopic): Store {
  let store = stores.get(topic);
  if (store === undefined) {
    store = new Store(topic);
    stores.set(topic, store);
  }
  return store;
}

/** What is known of the topic now; undefined until the server has answered. Null watches nothing. */
export function useTopic(topic: "board" | null): BoardState | undefined;
export function useTopic(topic: CallTopic | null): CallState | undefined;
export function useTopic(topic: "board" | CallTopic | null): State | undefined {
  const store = topic === null ? null : storeOf(topic);
  return useSyncExternalStore(store?.subscribe ?? nothing, () => store?.value);
}

/**
 * Be told of each event of a topic, such as `history`, `personas`, or a call's `levels`, that is not
 * kept; also `{kind: "snapshot"}` when some may have been missed. Null watches nothing.
 */
export function useTopicEvents<E extends { kind: string }>(
  topic: Topic | null,
  listener: (event: E | { kind: "snapshot" }) => void,
): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => {
    if (topic === null) return;
    return live.watch(
      topic,
      (message) => {
        if (message.type === "event") latest.current(message.event as E);
        else if (message.type === "snapshot") latest.current({ kind: "snapshot" });
      },
      false,
    );
  }, [topic]);
}

export function useLiveStatus(): LiveStatus {
  return useSyncExternalStore(
    (observer) => live.observe(observer),
    () => live.status,
  );
}
