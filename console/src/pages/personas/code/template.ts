/** Prompts in CodeMirror: keywords are colored and completed. */
import { startCompletion, type Completion, type CompletionSource } from "@codemirror/autocomplete";
import type { Diagnostic } from "@codemirror/lint";
import type { EditorState, Extension } from "@codemirror/state";
import { EditorState as State } from "@codemirror/state";
import {
  Decoration,
  EditorView,
  MatchDecorator,
  ViewPlugin,
  type DecorationSet,
  type ViewUpdate,
} from "@codemirror/view";

import type { Schemas } from "@/api/client";

import type { Mark } from "./marks";

export type Keyword = Schemas["KeywordOut"];

const marker = new MatchDecorator({
  regexp: /\{\{[^{}]*\}\}/g,
  decoration: Decoration.mark({ class: "cm-keyword" }),
});

const colored = ViewPlugin.fromClass(
  class {
    decorations: DecorationSet;
    constructor(view: EditorView) {
      this.decorations = marker.createDeco(view);
    }
    update(update: ViewUpdate) {
      this.decorations = marker.updateDeco(update, this.decorations);
    }
  },
  { decorations: (plugin) => plugin.decorations },
);

const BLOCK = /\{\{#each\s+(?:this\.)?(\w+)\s*\}\}|\{\{\/each\}\}/g;

/** In which block the text ends: where some keywords have a meaning and others have none. */
export function blockAt(text: string): "prompt" | "scenarios" | "sayings" {
  const open: string[] = [];
  for (const [, name] of text.matchAll(BLOCK)) {
    if (name === undefined) open.pop();
    else open.push(name);
  }
  const last = open.at(-1);
  if (last === undefined) return "prompt";
  return last === "scenarios" ? "scenarios" : "sayings";
}

const DETAIL = "{{details.key}}";

function completion(keyword: Keyword, boost: number): Completion {
  return {
    label: keyword.text,
    info: keyword.description,
    boost,
    apply: (view, _, from, to) => {
      const rest = view.state.sliceDoc(to, to + 2);
      const end = rest === "}}" ? to + 2 : rest.startsWith("}") ? to + 1 : to;
      const { text } = keyword;
      // What is to be written next: the detail's name, or what the block repeats.
      const start = text === DETAIL ? from + "{{details.".length : from + text.length;
      view.dispatch({
        changes: { from, to: end, insert: text },
        selection: text === DETAIL ? { anchor: start, head: start + "key".length } : { anchor: start },
        userEvent: "input.complete",
      });
    },
  };
}

export function keywordSource(listed: () => readonly Keyword[]): CompletionSource {
  return (context) => {
    const begun = context.matchBefore(/\{\{[^{}\n]*/);
    const at = begun?.from ?? context.pos;
    if (begun === null && !context.explicit) return null;
    const block = blockAt(context.state.sliceDoc(0, at));
    const options = listed()
      .filter(({ place }) =>
        place === "anywhere" ||
        place === block ||
        (place === "scenarios" && block === "sayings"),
      )
      .map((each) => completion(each, each.place === block && block !== "prompt" ? 2 : 0));
    if (block !== "prompt") options.unshift({ label: "{{/each}}", info: "Ends the block." });
    return { from: at, options, validFor: /^\{\{[^{}\n]*$/ };
  };
}

export function promptExtensions(listed: () => readonly Keyword[]): Extension {
  const source = keywordSource(listed);
  return [
    colored,
    State.languageData.of(() => [{ autocomplete: source }]),
    // A brace is no word, so it does not open the list by itself.
    EditorView.updateListener.of((update) => {
      if (!update.docChanged || !update.transactions.some((each) => each.isUserEvent("input.type"))) return;
      const head = update.state.selection.main.head;
      if (update.state.sliceDoc(head - 2, head) === "{{") startCompletion(update.view);
    }),
  ];
}

/** Where the marks are: the keyword at their place, or the word. Without a place they are none. */
export function templateDiagnostics(state: EditorState, marks: readonly Mark[]): Diagnostic[] {
  return marks.flatMap(({ line, column, severity, message }) => {
    if (line === undefined || column === undefined || line > state.doc.lines) return [];
    const at = state.doc.line(line);
    const from = Math.min(at.from + column - 1, at.to);
    const text = state.sliceDoc(from, Math.min(from + 500, state.doc.length));
    const found = /^(\{\{[^{}]*\}\}|\*\*\*[^*]*\*\*\*|\S+)/.exec(text)?.[0] ?? "";
    // What is said of the text as a whole points to its beginning.
    if (line === 1 && column === 1 && !/^(\{\{|\*\*\*)/.test(found)) return [];
    const shown = severity === "note" ? "info" : severity;
    return [{ from, to: from + found.length, severity: shown, message } satisfies Diagnostic];
  });
}
