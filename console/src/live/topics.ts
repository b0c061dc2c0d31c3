/** What is known of a topic: its snapshot with the events since, as a pure function. */
import type {
  ActionView,
  BoardEvent,
  CallEvent,
  LiveCall,
  Participant,
  Said,
  TurnView,
} from "./types";

export interface BoardState {
  /** The live calls, the latest first. */
  calls: LiveCall[];
}

export interface CallState {
  /** Null while the call is not live. */
  call: LiveCall | null;
  messages: Said[];
  /** The words that are being said. */
  interim: string;
  state: Record<string, unknown>;
  /** How the state became what it is: `at` in milliseconds since the call began. */
  states: { at: number; state: Record<string, unknown> }[];
  actions: ActionView[];
  turns: TurnView[];
  participants: Participant[];
  speaking: { user: boolean; ai: boolean };
  /** Why it ended; null while it has not. */
  ended: string | null;
}

export const NO_CALL: CallState = {
  call: null,
  messages: [],
  interim: "",
  state: {},
  states: [],
  actions: [],
  turns: [],
  participants: [],
  speaking: { user: false, ai: false },
  ended: null,
};

export function boardOf(body: { calls?: LiveCall[] }): BoardState {
  return { calls: sorted(body.calls ?? []) };
}

export function boardWith(board: BoardState, event: BoardEvent): BoardState {
  switch (event.kind) {
    case "calls": {
      const calls = event.calls.reduce(
        (all, call) => put(all, call, (each) => each.conversationId),
        board.calls,
      );
      return { calls: sorted(calls) };
    }
    case "gone":
      return { calls: board.calls.filter((each) => each.conversationId !== event.conversationId) };
    default:
      return board;
  }
}

export function callOf(body: Partial<CallState>): CallState {
  const state = body.state ?? {};
  const states = Object.keys(state).length ? [{ at: 0, state }] : [];
  return { ...NO_CALL, ...body, interim: body.interim ?? "", state, states };
}

export function callWith(call: CallState, event: CallEvent): CallState {
  switch (event.kind) {
    case "messages": {
      const messages = event.messages.reduce(
        (all, said) => put(all, said, (each) => String(each.messageId)),
        call.messages,
      );
      return { ...call, messages, interim: event.interim ?? "" };
    }
    case "state":
      return {
        ...call,
        state: event.state,
        states: [...call.states, { at: event.at ?? 0, state: event.state }],
      };
    case "action":
      return { ...call, actions: put(call.actions, event.action, (each) => each.number) };
    case "turn":
      return { ...call, turns: put(call.turns, event.turn, (each) => each.number) };
    case "participants":
      return { ...call, participants: event.participants };
    case "speech":
      return { ...call, speaking: { ...call.speaking, [event.who]: event.speaking } };
    case "call":
      return { ...call, call: event.call, ended: null };
    case "ended":
      return { ...call, ended: event.reason, speaking: { user: false, ai: false } };
    default:
      return call;
  }
}

/** The list with `item` in the place of the one that has its key, or at the end. */
function put<T>(items: T[], item: T, key: (item: T) => string | number): T[] {
  const at = items.findIndex((each) => key(each) === key(item));
  if (at < 0) return [...items, item];
  const changed = items.slice();
  changed[at] = item;
  return changed;
}

function sorted(calls: LiveCall[]): LiveCall[] {
  return calls.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt));
}
