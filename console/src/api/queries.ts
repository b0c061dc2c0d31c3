/** The queries that more than one page needs, and the keys under which answers are kept. */
import { QueryClient, useQuery } from "@tanstack/react-query";

import { account } from "./account";
import { api, told, type Schemas } from "./client";
import { ApiError } from "./problem";

/** One place for all keys: `[noun]`, `[noun, id]`, `[noun, id, part]`. */
export const keys = {
  me: ["me"] as const,
  account: (part: string) => ["account", part] as const,
  personas: ["personas"] as const,
  persona: (id: string) => ["personas", id] as const,
  personaPart: (id: string, part: string) => ["personas", id, part] as const,
  conversations: (filter: object) => ["conversations", filter] as const,
  conversation: (id: string) => ["conversation", id] as const,
  conversationPart: (id: string, part: string) => ["conversation", id, part] as const,
  llms: ["llms"] as const,
  voices: ["voices"] as const,
  keywords: ["keywords"] as const,
  templates: ["templates"] as const,
};

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) =>
        count < 2 && !(error instanceof ApiError && error.status > 0 && error.status < 500),
    },
  },
});

// A session that has ended while the page was open: the shell shows the sign-in page.
queries.getQueryCache().subscribe((event) => {
  if (event.type !== "updated" || event.action.type !== "error") return;
  const error: unknown = event.action.error;
  if (event.query.queryKey[0] !== "me" && error instanceof ApiError && error.status === 401) {
    void queries.invalidateQueries({ queryKey: keys.me });
  }
});

/** Who is signed in. */
export function useMe() {
  return useQuery({ queryKey: keys.me, queryFn: account.me, staleTime: 60_000 });
}

/** All personas by name. A server has tens, rarely hundreds; they come in pages of 200. */
export function usePersonas() {
  return useQuery({
    queryKey: keys.personas,
    queryFn: async () => {
      const all: Schemas["PersonaSummary"][] = [];
      let after: string | undefined;
      do {
        const page = (await told(
          api.GET("/api/personas", { params: { query: { limit: 200, ...(after && { after }) } } }),
        )) as { items: Schemas["PersonaSummary"][]; next: string | null };
        all.push(...page.items);
        after = page.next ?? undefined;
      } while (after);
      return all.sort((a, b) => a.name.localeCompare(b.name));
    },
  });
}

export function usePersona(id: string | undefined) {
  return useQuery({
    queryKey: keys.persona(id ?? ""),
    enabled: !!id,
    queryFn: async () =>
      (await told(
        api.GET("/api/personas/{id}", { params: { path: { id: id ?? "" } } }),
      )) as Schemas["PersonaOut"],
  });
}

export function useLlms() {
  return useQuery({
    queryKey: keys.llms,
    queryFn: () => told(api.GET("/api/llms")),
    staleTime: 600_000,
  });
}

/** The voices that can be picked, and which providers could not be asked. */
export function useVoices() {
  return useQuery({
    queryKey: keys.voices,
    queryFn: () => told(api.GET("/api/voices")),
    staleTime: 600_000,
  });
}

/** The keywords of prompts. */
export function useKeywords() {
  return useQuery({
    queryKey: keys.keywords,
    queryFn: () => told(api.GET("/api/keywords")),
    staleTime: 600_000,
  });
}
