/** Texts that are to be JSON objects: what is wrong with them, and how they are written nicely. */
import { parse, type ParseError } from "jsonc-parser";

export interface JsonProblem {
  /** A sentence with the line and column. */
  message: string;
  from: number;
  to: number;
}

/** By the parser's codes. */
const SENTENCES: Record<number, string> = {
  1: "this is no value; texts and names stand in double quotes",
  2: "this is no number",
  3: "a name in double quotes must follow",
  4: "a value must follow",
  5: "a colon must follow the name",
  6: "a comma is missing before this",
  7: "a closing } is missing",
  8: "a closing ] is missing",
  9: "the object is over before this; it may be a } too many",
  10: "JSON has no comments; Format takes them out",
  11: "the comment has no end",
  12: "a text has no closing quote on its line",
  13: "the number is not complete",
  14: "\\u needs four hexadecimal digits",
  15: "there is no such escape; write \\\\ for a backslash",
  16: "this character must be written as \\u…",
};

/** Why a text is no JSON object; null if it is one, or empty. */
export function jsonProblem(text: string): JsonProblem | null {
  if (text.trim() === "") return null;
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { disallowComments: true });
  const [first] = errors;
  if (first !== undefined) {
    const to = Math.min(text.length, first.offset + Math.max(1, first.length));
    const from = Math.min(first.offset, Math.max(0, to - 1));
    return { message: `This is not JSON. ${place(text, first.offset)}: ${said(text, first)}.`, from, to };
  }
  if (!isObject(value)) {
    return { message: "This must be a JSON object: { … }", from: 0, to: text.length };
  }
  return null;
}

/** The text with one member a line, without comments and commas too many; null if it is broken. */
export function formatted(text: string): string | null {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  return errors.length === 0 && isObject(value) ? JSON.stringify(value, null, 2) : null;
}

function said(text: string, { error, offset }: ParseError): string {
  const isClosing = /^[}\]]/.test(text.slice(offset));
  if ((error === 3 || error === 4) && isClosing && /,\s*$/.test(text.slice(0, offset))) {
    return `the comma before ${text.charAt(offset)} is one too many; Format takes it out`;
  }
  if (error === 1 && text.charAt(offset) === "'") return "write double quotes instead of single ones";
  return SENTENCES[error] ?? "this cannot be read";
}

function place(text: string, at: number): string {
  const before = text.slice(0, at).split("\n");
  return `Line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
