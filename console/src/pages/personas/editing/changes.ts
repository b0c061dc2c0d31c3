/** What differs between two documents, for people. Pure. */
import { changedFields, cleaned, labelOf, type Doc, type Scenario } from "./document";

export interface Line {
  kind: "same" | "added" | "removed";
  text: string;
}

export interface Change {
  field: string;
  label: string;
  lines: Line[];
}

export function changes(before: Doc, after: Doc): Change[] {
  const [old, now] = [cleaned(before), cleaned(after)];
  return changedFields(before, after).map((field) => ({
    field,
    label: labelOf(field),
    lines: lineDiff(textOf(field, old), textOf(field, now)),
  }));
}

function textOf(field: keyof Doc, doc: Doc): string {
  if (field === "scenarios") return doc.scenarios.map(scenarioText).join("\n\n");
  const value = doc[field];
  if (value === null) return "The server's";
  if (typeof value === "boolean") return value ? "On" : "Off";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function scenarioText(scenario: Scenario): string {
  const lines = (label: string, says: string[]) => says.map((text) => `${label}: ${text}`);
  return [
    `Context: ${scenario.context}`,
    ...lines("User says", scenario.userSays),
    ...lines("Persona says", scenario.personaSays),
    `How to respond: ${scenario.responseGuidelines}`,
  ].join("\n");
}

const LARGEST = 4_000_000;

/** Line by line, by the longest common subsequence between what is common at both ends. */
export function lineDiff(before: string, after: string): Line[] {
  const a = before === "" ? [] : before.split("\n");
  const b = after === "" ? [] : after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  ) {
    end++;
  }
  const as = (kind: Line["kind"]) => (text: string) => ({ kind, text });
  return [
    ...a.slice(0, start).map(as("same")),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(as("same")),
  ];
}

function middle(a: string[], b: string[]): Line[] {
  const found: Line[] = [];
  const width = b.length + 1;
  let [i, j] = [0, 0];
  if (a.length * b.length <= LARGEST) {
    const longest = new Uint32Array((a.length + 1) * width);
    const at = (row: number, column: number) => longest[row * width + column] ?? 0;
    for (let row = a.length - 1; row >= 0; row--) {
      for (let column = b.length - 1; column >= 0; column--) {
        longest[row * width + column] =
          a[row] === b[column]
            ? at(row + 1, column + 1) + 1
            : Math.max(at(row + 1, column), at(row, column + 1));
      }
    }
    while (i < a.length && j < b.length) {
      if (a[i] === b[j]) found.push({ kind: "same", text: a[i++] ?? "" }) && j++;
      else if (at(i + 1, j) >= at(i, j + 1)) found.push({ kind: "removed", text: a[i++] ?? "" });
      else found.push({ kind: "added", text: b[j++] ?? "" });
    }
  }
  for (const text of a.slice(i)) found.push({ kind: "removed", text });
  for (const text of b.slice(j)) found.push({ kind: "added", text });
  return found;
}

/** Without long stretches of what stays: `null` stands for lines that are left out. */
export function excerpt(lines: Line[], around = 2): (Line | null)[] {
  const near = lines.map((_, at) =>
    lines.slice(Math.max(0, at - around), at + around + 1).some((line) => line.kind !== "same"),
  );
  return lines.flatMap((line, at) => (near[at] ? [line] : near[at - 1] || at === 0 ? [null] : []));
}
