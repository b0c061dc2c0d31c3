/** JSON in CodeMirror: its syntax is checked here, and places are found by their path. */
import { json, jsonLanguage } from "@codemirror/lang-json";
import type { Diagnostic } from "@codemirror/lint";
import type { EditorState, Extension } from "@codemirror/state";

import { jsonProblem } from "../editing/json";
import type { Mark } from "./marks";

export function jsonExtensions(): Extension {
  return json();
}

type Node = ReturnType<typeof jsonLanguage.parser.parse>["topNode"];

/** The place of what the path leads to, or of the nearest thing above it. */
export function placeOf(text: string, path: string): { from: number; to: number } {
  let node: Node | null = jsonLanguage.parser.parse(text).topNode.firstChild;
  let name: Node | null = null;
  let rest = path;
  while (rest && node) {
    rest = rest.replace(/^\./, "");
    let found: Node | null = null;
    if (node.name === "Object") {
      let longest = "";
      for (const property of node.getChildren("Property")) {
        const label = property.getChild("PropertyName");
        if (label === null) continue;
        const key = keyOf(text.slice(label.from, label.to));
        const next = rest.charAt(key.length);
        // Names may contain dots: the longest one that fits is meant.
        if (rest.startsWith(key) && ["", ".", "["].includes(next) && key.length >= longest.length) {
          [longest, name, found] = [key, label, property.lastChild];
        }
      }
      rest = rest.slice(longest.length);
    } else if (node.name === "Array") {
      const index = /^\[(\d+)\]|^(\d+)/.exec(rest);
      if (index) {
        const items: Node[] = [];
        for (let item = node.firstChild; item; item = item.nextSibling) {
          if (!/^[[\],]$/.test(item.name)) items.push(item);
        }
        found = items[Number(index[1] ?? index[2])] ?? null;
        name = found ?? name;
        rest = rest.slice(index[0].length);
      }
    }
    if (found === null) break;
    node = found;
  }
  return name ? { from: name.from, to: name.to } : { from: 0, to: Math.min(1, text.length) };
}

function keyOf(quoted: string): string {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return "";
  }
}

export function jsonDiagnostics(state: EditorState, marks: readonly Mark[]): Diagnostic[] {
  const text = state.doc.toString();
  if (text.trim() === "") return [];
  const broken = jsonProblem(text);
  if (broken !== null) return [{ ...broken, severity: "error" }];
  return marks.map(({ path, severity, message }) => ({
    ...placeOf(text, path ?? ""),
    severity: severity === "note" ? "info" : severity,
    message,
  }));
}
