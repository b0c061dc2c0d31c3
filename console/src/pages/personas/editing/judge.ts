/** What the server says of a document that is not saved. */
import { useEffect, useState } from "react";

import { api, told } from "@/api/client";
import { ApiError, type FieldProblem } from "@/api/problem";

import { cleaned, normal, root, type Doc, type Finding, type Meter } from "./document";

export interface Verdict {
  /** Why it cannot be saved. */
  errors: FieldProblem[];
  /** What is only doubtful. */
  findings: Finding[];
  meter: Meter | undefined;
}

const PAUSE_MS = 450;

/** The fields of an error by the names that the editor has for them. */
export function fieldsOf(error: ApiError): FieldProblem[] {
  const found = error.fields.map((each) => {
    const field = normal(each.field.replace(/^llm\.CustomLlm/, "llm"));
    return { field, message: plain(field, each.message) };
  });
  // Of a model by its address it is also told that it is no name.
  const meant = found.filter(
    (each) => each.field !== "llm" || !found.some((other) => other.field.startsWith("llm.")),
  );
  return meant.length > 0 ? meant : [{ field: "", message: error.message }];
}

const PATTERNS: [field: RegExp, says: string][] = [
  [/^telephone\.numbers/, "Write it with the country code and digits, such as +14155550123."],
  [/^language$/, "Write a language tag, such as en or pt-BR."],
  [/^llm\.key_env$/, "Write the variable's name: letters, digits and _, such as EXAMPLE_API_KEY."],
];

/** What a validator says, for people. */
function plain(field: string, message: string): string {
  const pattern = PATTERNS.find(([of]) => of.test(field));
  if (pattern && message.includes("should match pattern")) return pattern[1];
  if (message === "String should have at least 1 character") return "This must not be empty.";
  const most = /^String should have at most (\d+) characters/.exec(message)?.[1];
  if (most) return `At most ${Number(most).toLocaleString()} characters.`;
  return sentence(message);
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** Judges what is edited whenever it rests. */
export function useVerdict(doc: Doc | undefined): Verdict | undefined {
  const [verdict, setVerdict] = useState<Verdict>();
  useEffect(() => {
    if (doc === undefined) return;
    const gone = new AbortController();
    const timer = setTimeout(() => {
      judged(cleaned(doc), gone.signal).then(
        (found) => {
          if (!gone.signal.aborted) setVerdict((old) => ({ ...found, meter: found.meter ?? old?.meter }));
        },
        // The connection's state is shown elsewhere; saving says what is wrong.
        () => undefined,
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [doc]);
  return verdict;
}

async function judged(doc: Doc, signal: AbortSignal): Promise<Verdict> {
  try {
    return { errors: [], ...(await lint(doc, signal)) };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 400) throw error;
    const errors = fieldsOf(error);
    const rest = without(doc, errors.map((each) => root(each.field)));
    try {
      return { errors, ...(await lint(rest, signal)) };
    } catch {
      return { errors, findings: [], meter: undefined };
    }
  }
}

/** Its other fields, so that they are judged all the same. */
function without(doc: Doc, fields: string[]): Doc {
  const rest = Object.entries(doc).filter(([field]) => !fields.includes(field));
  return { name: "Persona", ...Object.fromEntries(rest) } as Doc;
}

async function lint(doc: Doc, signal: AbortSignal) {
  const { findings, meter } = await told(api.POST("/api/lint", { body: doc, signal }));
  return {
    findings: findings.map((each) => ({ ...each, field: normal(each.field) })),
    meter: meter as Meter | undefined,
  };
}
