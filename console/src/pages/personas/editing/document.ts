/** A persona's document as the editor holds it, and what is said of its fields. Pure. */
import type { Schemas } from "@/api/client";
import type { FieldProblem } from "@/api/problem";

import { jsonProblem } from "./json";

export type Doc = Schemas["Persona-Output"];
export type Stored = Schemas["PersonaOut"];
export type Scenario = Schemas["Scenario"];
export type Finding = Schemas["FindingOut"];
export type Meter = Schemas["MeterOut"];

/** Fields that are edited as JSON: their text is kept as it was typed, valid or not. */
export type JsonField = "actions_schema" | "llm.parameters" | "voice.settings";
export type Texts = Partial<Record<JsonField, string>>;

/** What is edited: the document, and texts that are not (yet) part of it. */
export interface Edited {
  doc: Doc;
  texts: Texts;
}

export const SECTIONS = [
  { id: "prompt", label: "Prompt", fields: ["prompt", "initial_message"] },
  { id: "actions", label: "Actions", fields: ["actions_schema"] },
  { id: "scenarios", label: "Scenarios", fields: ["scenarios"] },
  { id: "voice", label: "Voice", fields: ["voice", "pronunciations"] },
  { id: "model", label: "Model", fields: ["llm"] },
  { id: "turns", label: "Turn-taking", fields: ["endpointing", "interruption"] },
  { id: "phrases", label: "Phrases", fields: ["phrases"] },
  { id: "limits", label: "Limits", fields: ["rate_limit"] },
  { id: "settings", label: "Settings", fields: ["name", "language", "timezone", "in_call_users"] },
  { id: "deploy", label: "Deploy", fields: ["telephone"] },
  { id: "versions", label: "Versions", fields: [] },
] as const satisfies readonly { id: string; label: string; fields: readonly (keyof Doc)[] }[];

export type SectionId = (typeof SECTIONS)[number]["id"];

const LABELS: Record<string, string> = {
  name: "Name",
  prompt: "Prompt",
  initial_message: "Initial message",
  language: "Language",
  timezone: "Time zone",
  llm: "Model",
  voice: "Voice",
  rate_limit: "Message limit",
  actions_schema: "Actions schema",
  scenarios: "Scenarios",
  in_call_users: "In-call users",
  endpointing: "End of a turn",
  interruption: "Interruption",
  phrases: "Phrases",
  pronunciations: "Pronunciations",
  telephone: "Telephone",
};

export function labelOf(field: string): string {
  return LABELS[root(field)] ?? field;
}

/** `scenarios` for `scenarios[2].userSays`. */
export function root(field: string): string {
  return field.split(/[.[]/, 1)[0] ?? "";
}

export function sectionOf(field: string): SectionId | undefined {
  return SECTIONS.find((each) => (each.fields as readonly string[]).includes(root(field)))?.id;
}

/** One way of writing fields: `scenarios[2]` for the `scenarios.2` of some findings. */
export function normal(field: string): string {
  return field.replace(/\.(\d+)(?=\.|\[|$)/g, "[$1]");
}

export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [one, two] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const names = Object.keys(one);
  return (
    names.length === Object.keys(two).length &&
    names.every((name) => Object.hasOwn(two, name) && same(one[name], two[name]))
  );
}

/** Without what an editor leaves behind: empty lines of sayings. */
export function cleaned(doc: Doc): Doc {
  const full = (says: string[]) => says.filter((each) => each.trim() !== "");
  return {
    ...doc,
    scenarios: doc.scenarios.map((each) => ({
      ...each,
      personaSays: full(each.personaSays),
      userSays: full(each.userSays),
    })),
  };
}

/** The fields that differ. */
export function changedFields(a: Doc, b: Doc): (keyof Doc)[] {
  const [one, two] = [cleaned(a), cleaned(b)];
  return (Object.keys(two) as (keyof Doc)[]).filter((field) => !same(one[field], two[field]));
}

/** `theirs` with the fields that `mine` has changed since `base`. */
export function merged(base: Doc, mine: Doc, theirs: Doc): Doc {
  const fields = changedFields(base, mine);
  return { ...theirs, ...Object.fromEntries(fields.map((field) => [field, mine[field]])) };
}

export function jsonValue(doc: Doc, field: JsonField): unknown {
  if (field === "actions_schema") return doc.actions_schema;
  if (field === "voice.settings") return doc.voice?.settings ?? {};
  return typeof doc.llm === "object" ? (doc.llm?.parameters ?? {}) : {};
}

export function jsonText({ doc, texts }: Edited, field: JsonField): string {
  const text = texts[field];
  if (text !== undefined) return text;
  const value = jsonValue(doc, field);
  const isEmpty = value === null || same(value, {});
  return isEmpty ? "" : JSON.stringify(value, null, 2);
}

/** The object that a text stands for; an empty one for nothing. Throws with a sentence. */
export function parsedObject(text: string): Record<string, unknown> | null {
  if (text.trim() === "") return null;
  const problem = jsonProblem(text);
  if (problem !== null) throw new Error(problem.message);
  return JSON.parse(text) as Record<string, unknown>;
}

/** With the text of a JSON field; the document follows as soon as it can be read. */
export function withText({ doc, texts }: Edited, field: JsonField, text: string): Edited {
  const next = { doc, texts: { ...texts, [field]: text } };
  let value: Record<string, unknown> | null;
  try {
    value = parsedObject(text);
  } catch {
    return next;
  }
  if (field === "actions_schema") next.doc = { ...doc, actions_schema: value };
  else if (field === "voice.settings" && doc.voice) {
    next.doc = { ...doc, voice: { ...doc.voice, settings: value ?? {} } };
  } else if (field === "llm.parameters" && typeof doc.llm === "object" && doc.llm) {
    next.doc = { ...doc, llm: { ...doc.llm, parameters: value ?? {} } };
  }
  return next;
}

/** What is wrong with texts that cannot be part of the document. */
export function textProblems({ texts }: Edited): FieldProblem[] {
  return (Object.entries(texts) as [JsonField, string][]).flatMap(([field, text]) => {
    try {
      parsedObject(text);
      return [];
    } catch (error) {
      return [{ field, message: error instanceof Error ? error.message : "This is not JSON." }];
    }
  });
}
