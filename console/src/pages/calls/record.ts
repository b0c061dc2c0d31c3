/** A call as it was kept: what the API tells of it, in the shapes of the live socket. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, ask, told, type Schemas } from "@/api/client";
import { ApiError } from "@/api/problem";
import { keys } from "@/api/queries";
import type { ActionView, Said, TurnView, WebhookView } from "@/live/types";

import type { Conversation } from "./naming";

/** A call on which the conversation went on: resumed ones have several. */
export interface Part {
  /** From 1. */
  part: number;
  call: string;
  /** ISO 8601. */
  startedAt: string;
}

/** By the configured prices. */
export interface Cost {
  llm: number;
  tts: number;
  stt: number;
  total: number;
  currency: string;
}

export interface Turns {
  items: TurnView[];
  /** Null: no prices are set. */
  cost: Cost | null;
  durationMs: number;
  part: number;
  parts: Part[];
}

export interface StateAt {
  at: number;
  state: Record<string, unknown>;
}

/** Loudness 0..1, as many values for each. */
export interface Waveform {
  durationMs: number;
  channels: { caller: number[]; agent: number[] };
}

/** A recording's picture, or why there is none. */
export type Drawing = { waveform: Waveform } | { waveform: null; why: string };

/** Something that the agent was told between the lines. */
export interface Note {
  key: string;
  text: string;
  at: number;
}

/** The address of what belongs to a part of a conversation. */
export function partPath(id: string, what: string, part: number, query = ""): string {
  const more = [part > 1 ? `part=${part}` : "", query].filter(Boolean).join("&");
  return `/api/conversations/${encodeURIComponent(id)}/${what}${more && `?${more}`}`;
}

export function useConversation(id: string) {
  return useQuery({
    queryKey: keys.conversation(id),
    queryFn: () =>
      told(api.GET("/api/conversations/{id}", { params: { path: { id } } })) as Promise<Conversation>,
  });
}

/** What belongs to a part; null where there is none of it (404). */
export function usePart<T>(id: string, what: string, part: number, query = "", enabled = true) {
  return useQuery({
    queryKey: keys.conversationPart(id, `${what} ${part} ${query}`),
    enabled,
    placeholderData: keepPreviousData,
    queryFn: async () => {
      try {
        return await ask<T>("GET", partPath(id, what, part, query));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

/** What takes too long to be drawn (413), or cannot be, is said; it can be played all the same. */
export function useWaveform(id: string, part: number, enabled: boolean) {
  return useQuery({
    queryKey: keys.conversationPart(id, `waveform ${part}`),
    enabled,
    staleTime: Infinity,
    queryFn: async (): Promise<Drawing> => {
      try {
        return { waveform: await ask<Waveform>("GET", partPath(id, "waveform", part, "buckets=800")) };
      } catch (error) {
        const said = error instanceof ApiError && [404, 413].includes(error.status);
        if (said) return { waveform: null, why: error.message };
        throw error;
      }
    },
  });
}

export function useMessages(id: string, enabled: boolean) {
  return useQuery({
    queryKey: keys.conversationPart(id, "messages"),
    enabled,
    queryFn: () =>
      all((first) =>
        told(
          api.GET("/api/conversations/{id}/messages", {
            params: { path: { id }, query: { first, limit: 1000 } },
          }),
        ) as Promise<Listed<Schemas["MessageOut"]>>,
      ),
  });
}

export function useActions(id: string, enabled: boolean) {
  return useQuery({
    queryKey: keys.conversationPart(id, "actions"),
    enabled,
    queryFn: () =>
      all((first) =>
        told(
          api.GET("/api/conversations/{id}/actions", {
            params: { path: { id }, query: { first, limit: 1000 } },
          }),
        ) as Promise<Listed<KeptAction>>,
      ),
  });
}

interface Listed<T> {
  items: T[];
  next?: string | null;
}

async function all<T>(page: (first: number) => Promise<Listed<T>>): Promise<T[]> {
  const items: T[] = [];
  for (let first: number | null = 0; first !== null; ) {
    const found: Listed<T> = await page(first);
    items.push(...found.items);
    first = found.next ? Number(found.next) : null;
  }
  return items;
}

export type KeptMessage = Schemas["MessageOut"];

export interface KeptAction {
  number: number;
  name: string;
  arguments: string;
  result: string | null;
  started_at: string;
  ended_at: string | null;
  kind?: string | null;
  outcome?: string | null;
  webhook?: Record<string, unknown> | null;
}

/** The record of a call may have begun a moment before its journal. */
const SLACK_MS = 1000;

/** Which times belong to a part: milliseconds since its call began. */
export interface Span {
  /** Epoch milliseconds. */
  from: number;
  until: number;
}

export function spanOf(conversation: Conversation, parts: readonly Part[], part: number): Span {
  const at = parts.findIndex((each) => each.part === part);
  const start = parts[at]?.startedAt ?? conversation.created_at;
  const next = parts[at + 1]?.startedAt;
  return {
    from: new Date(start).getTime(),
    until: next === undefined ? Infinity : new Date(next).getTime(),
  };
}

export function messagesOf(kept: readonly KeptMessage[], span: Span): { said: Said[]; notes: Note[] } {
  const said: Said[] = [];
  const notes: Note[] = [];
  for (const each of kept) {
    const at = new Date(each.at).getTime();
    const since = at - span.from;
    if (at >= span.until || since < -SLACK_MS) continue;
    if (each.speaker === "note") {
      notes.push({ key: `note ${each.number}`, text: each.text, at: since });
      continue;
    }
    const agent = each.speaker === "agent";
    said.push({
      messageId: String(each.number),
      source: agent ? "ai" : "user",
      content: each.text,
      intended: agent ? each.intended : each.text,
      withdrawn: each.withdrawn,
      at: Math.max(0, since),
    });
  }
  return { said, notes };
}

export function actionsOf(kept: readonly KeptAction[], span: Span): ActionView[] {
  return kept.flatMap((each) => {
    const started = new Date(each.started_at).getTime();
    if (started >= span.until || started < span.from - SLACK_MS) return [];
    return {
      number: each.number,
      name: each.name,
      kind: each.kind ?? "",
      arguments: parsed(each.arguments),
      startedAt: started - span.from,
      finishedAt: each.ended_at === null ? null : new Date(each.ended_at).getTime() - span.from,
      outcome: each.outcome ?? null,
      result: each.result,
      webhook: each.webhook ? webhookOf(each.webhook) : null,
    };
  });
}

function webhookOf(kept: Record<string, unknown>): WebhookView {
  const took = kept["took_ms"] ?? kept["tookMs"];
  return {
    url: String(kept["url"] ?? ""),
    method: String(kept["method"] ?? ""),
    request: kept["request"],
    status: typeof kept["status"] === "number" ? kept["status"] : null,
    response: kept["response"],
    tookMs: typeof took === "number" ? took : null,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
