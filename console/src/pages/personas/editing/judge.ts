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
  const found = error.fields
    // A way through a union that was not meant: a model by name and one by address.
    .filter((each) => !/^llm\.(str|constrained-str)/.test(each.field))
    .map((each) => ({
      field: normal(each.field.replace(/^llm\.CustomLlm/, "llm")),
      message: sentence(each.message),
    }));
  return found.length > 0 ? found : [{ field: "", message: error.message }];
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
