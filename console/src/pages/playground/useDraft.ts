/** The persona that is being edited here: what was loaded, what was changed, and keeping it. */
import { useEffect, useState } from "react";

import { api, told, type Schemas } from "@/api/client";
import { keys, queries, usePersona } from "@/api/queries";

export type Persona = Schemas["Persona-Output"];

export interface Draft {
  loaded: Schemas["PersonaOut"];
  /** As it is here now. */
  persona: Persona;
  /** It differs from the draft that the server has. */
  unsaved: boolean;
  /** The draft that the server has, or this one, differs from what calls get. */
  unpublished: boolean;
  /** Somebody else has changed it since this one was begun. */
  overtaken: boolean;
}

export interface DraftActions {
  change: (part: Partial<Persona>) => void;
  /** Back to what the server has. */
  reset: () => void;
  /** Both throw ApiError. */
  save: () => Promise<void>;
  publish: () => Promise<void>;
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

export function useDraft(id: string) {
  const query = usePersona(id);
  const [base, setBase] = useState<Schemas["PersonaOut"] | null>(null);
  const [persona, setPersona] = useState<Persona | null>(null);
  const latest = query.data;
  const unsaved = base !== null && persona !== null && !same(base.draft, persona);

  useEffect(() => {
    // What changed elsewhere is taken over, unless that would throw away what was written here.
    if (latest === undefined || (base?.id === latest.id && unsaved)) return;
    if (base?.etag === latest.etag && base.id === latest.id) return;
    setBase(latest);
    setPersona(latest.draft);
  }, [latest, base, unsaved]);

  const take = (saved: Schemas["PersonaOut"]) => {
    setBase(saved);
    setPersona(saved.draft);
    queries.setQueryData(keys.persona(saved.id), saved);
    void queries.invalidateQueries({ queryKey: keys.personas, exact: true });
  };
  const params = () => ({
    path: { id },
    header: { "If-Match": `"${base?.etag ?? ""}"` },
  });
  const save = async () => {
    if (persona === null) return;
    take(await told(api.PUT("/api/personas/{id}", { params: params(), body: persona })));
  };

  const draft: Draft | null =
    base !== null && persona !== null && base.id === id
      ? {
          loaded: base,
          persona,
          unsaved,
          unpublished: !same(base.published, persona),
          overtaken: unsaved && latest !== undefined && latest.etag !== base.etag,
        }
      : null;
  const actions: DraftActions = {
    change: (part) => setPersona((before) => before && { ...before, ...part }),
    reset: () => {
      if (latest === undefined) return;
      setBase(latest);
      setPersona(latest.draft);
    },
    save,
    publish: async () => {
      let etag = base?.etag ?? "";
      if (unsaved && persona !== null) {
        const saved = await told(
          api.PUT("/api/personas/{id}", { params: params(), body: persona }),
        );
        take(saved);
        etag = saved.etag;
      }
      take(
        await told(
          api.POST("/api/personas/{id}/publish", {
            params: { path: { id }, header: { "If-Match": `"${etag}"` } },
          }),
        ),
      );
    },
  };
  return { query, draft, actions };
}
