/** One persona being edited: what the server has, what was typed, and how the two meet. */
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";

import { api, told, type Schemas } from "@/api/client";
import { ApiError, type FieldProblem } from "@/api/problem";
import { keys, usePersona } from "@/api/queries";
import { useTopicEvents } from "@/live/useTopic";

import {
  changedFields,
  cleaned,
  merged,
  same,
  textProblems,
  withText,
  type Doc,
  type Edited,
  type JsonField,
  type Stored,
} from "./document";
import { fieldsOf, useVerdict, type Verdict } from "./judge";
import { forget, keep, kept } from "./kept";

/** The draft that the edits began with. */
interface Base {
  doc: Doc;
  etag: string;
}

interface Work {
  base: Base;
  edited: Edited;
  /** When edits of an earlier visit were taken up again: when the last of them was made. */
  restored?: number;
}

export interface Editing {
  id: string;
  /** As the server has it now. */
  stored: Stored;
  base: Base;
  edited: Edited;
  doc: Doc;
  /** The fields that are not saved. */
  changed: string[];
  isDirty: boolean;
  /** Somebody else has saved another draft since the edits began. */
  isStale: boolean;
  restored: number | undefined;
  isSaving: boolean;
  verdict: Verdict | undefined;
  /** Why it cannot be saved, by field. */
  errors: FieldProblem[];
  /** What is wrong with this field; with `deep` also what is wrong within it. */
  problem: (field: string, deep?: boolean) => string | undefined;
  set: (fields: Partial<Doc>) => void;
  setText: (field: JsonField, text: string) => void;
  discard: () => void;
  /** Resolves to what is saved, or null if it cannot be. `over` overwrites what others saved. */
  save: (over?: boolean) => Promise<Schemas["SavedPersona"] | null>;
  /** Go on from what others saved: with their draft, or with mine put into it. */
  takeTheirs: () => void;
  takeBoth: () => void;
  /** The server has another version of it now, as this answer tells. */
  took: (stored: Stored) => void;
}

const Context = createContext<Editing | null>(null);
export const EditingProvider = Context.Provider;

export function useEditing(): Editing {
  const editing = useContext(Context);
  if (editing === null) throw new Error("useEditing is for sections of the editor");
  return editing;
}

function begun(id: string, stored: Stored): Work {
  const old = kept(id);
  if (old === undefined) return fresh(stored);
  const base = { doc: old.base, etag: old.etag };
  return { base, edited: { doc: old.doc, texts: old.texts }, restored: old.at };
}

function fresh(stored: Stored, texts: Edited["texts"] = {}): Work {
  const doc = stored.draft as Doc;
  return { base: { doc, etag: stored.etag }, edited: { doc, texts } };
}

/** Everything there is to know of the editing of a persona; undefined while it is loaded. */
export function useEditingOf(id: string): {
  editing: Editing | undefined;
  error: unknown;
  retry: () => void;
} {
  const client = useQueryClient();
  const query = usePersona(id);
  const { data: stored, refetch } = query;
  const [work, setWork] = useState<Work>();
  const [refused, setRefused] = useState<{ doc: Doc; errors: FieldProblem[] }>();
  const [isSaving, setSaving] = useState(false);

  useTopicEvents<{ kind: "persona"; id: string }>("personas", (event) => {
    if (event.kind === "snapshot" || event.id === id) void refetch();
  });

  // What the server has is taken over unless something was typed.
  const current = useMemo(() => {
    if (stored === undefined) return undefined;
    if (work === undefined) return begun(id, stored);
    if (stored.etag === work.base.etag) return work;
    if (same(stored.draft, work.base.doc)) {
      return { ...work, base: { doc: work.base.doc, etag: stored.etag } };
    }
    return isTyped(work) ? work : fresh(stored);
  }, [id, stored, work]);
  const latest = useRef(current);
  latest.current = current;

  const typed = current !== undefined && isTyped(current);
  useEffect(() => {
    if (work === undefined) return;
    const write = () => {
      if (!isTyped(work)) forget(id);
      else {
        const { base, edited } = work;
        keep(id, { ...edited, base: base.doc, etag: base.etag, at: Date.now() });
      }
    };
    const timer = setTimeout(write, 250);
    addEventListener("pagehide", write);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", write);
      write();
    };
  }, [id, work]);
  useEffect(() => {
    if (!typed) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [typed]);

  const change = useCallback((update: (edited: Edited) => Edited) => {
    if (latest.current === undefined) return;
    // Two changes may come before the next rendering.
    latest.current = { ...latest.current, edited: update(latest.current.edited) };
    setWork(latest.current);
  }, []);
  const set = useCallback(
    (fields: Partial<Doc>) => {
      change(({ doc, texts }) => ({ doc: { ...doc, ...fields }, texts }));
    },
    [change],
  );
  const setText = useCallback(
    (field: JsonField, text: string) => change((edited) => withText(edited, field, text)),
    [change],
  );

  const verdict = useVerdict(current?.edited.doc);
  const took = useCallback(
    (now: Stored) => {
      client.setQueryData(keys.persona(id), now);
      void client.invalidateQueries({ queryKey: keys.personas, exact: true });
      void client.invalidateQueries({ queryKey: keys.personaPart(id, "versions") });
    },
    [client, id],
  );

  if (stored === undefined || current === undefined) {
    return { editing: undefined, error: query.error, retry: () => void refetch() };
  }

  const { base, edited } = current;
  const errors = [
    ...textProblems(edited),
    ...(verdict?.errors ?? []),
    ...(refused?.doc === edited.doc ? refused.errors : []),
  ].filter((each, at, all) => all.findIndex((other) => same(other, each)) === at);

  const save = async (over = false): Promise<Schemas["SavedPersona"] | null> => {
    if (textProblems(edited).length > 0) return null;
    setSaving(true);
    const etag = over ? stored.etag : base.etag;
    try {
      const saved = (await told(
        api.PUT("/api/personas/{id}", {
          params: { path: { id } },
          headers: { "If-Match": `"${etag}"` },
          body: cleaned(edited.doc),
        }),
      )) as Schemas["SavedPersona"];
      // What was typed while it was saved stays.
      setWork(() => {
        const now = latest.current?.edited ?? edited;
        const next = fresh(saved, now.texts);
        return now.doc === edited.doc ? next : { ...next, edited: now };
      });
      setRefused(undefined);
      took(saved);
      return saved;
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) await refetch();
      if (error instanceof ApiError && [400, 409].includes(error.status)) {
        const fields = fieldsOf(error);
        // The only conflict of saving is a name that another persona has.
        const named = error.status === 409 ? fields.map((each) => ({ ...each, field: "name" })) : fields;
        setRefused({ doc: edited.doc, errors: named });
        return null;
      }
      throw error;
    } finally {
      setSaving(false);
    }
  };

  const editing: Editing = {
    id,
    stored,
    base,
    edited,
    doc: edited.doc,
    changed: changedFields(base.doc, edited.doc),
    isDirty: typed,
    isStale: stored.etag !== base.etag,
    restored: typed ? current.restored : undefined,
    isSaving,
    verdict,
    errors,
    problem: (field, deep = false) =>
      errors.find(
        (each) =>
          each.field === field ||
          (deep && (each.field.startsWith(`${field}.`) || each.field.startsWith(`${field}[`))),
      )?.message,
    set,
    setText,
    discard: () => setWork(fresh(stored)),
    save,
    takeTheirs: () => setWork(fresh(stored)),
    takeBoth: () => {
      const theirs = fresh(stored);
      const doc = merged(base.doc, edited.doc, theirs.base.doc);
      setWork({ base: theirs.base, edited: { doc, texts: edited.texts } });
    },
    took,
  };
  return { editing, error: undefined, retry: () => void refetch() };
}

function isTyped({ base, edited }: Work): boolean {
  return changedFields(base.doc, edited.doc).length > 0 || textProblems(edited).length > 0;
}
