/** CodeMirror as a field. Loaded lazily: it is by far the largest part of the editor. */
import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from "@codemirror/language";
import { lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { useEffect, useRef, type RefObject } from "react";

import { cx } from "@/lib/cx";

import { jsonExtensions, jsonDiagnostics } from "./json";
import { promptExtensions, templateDiagnostics, type Keyword } from "./template";
import type { Mark } from "./marks";
import { theme } from "./theme";

export interface CodeEditorProps {
  id?: string;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
  label: string;
  value: string;
  onChange: (value: string) => void;
  language: "template" | "json";
  /** Of a template: what is completed. */
  keywords?: readonly Keyword[];
  /** What was found at certain places. */
  marks?: readonly Mark[];
  placeholder?: string;
  /** About how many lines are shown before it scrolls. */
  lines?: [least: number, most: number];
  /** Filled with what shows a mark's place. */
  goTo?: RefObject<((mark: Mark) => void) | null>;
}

/** The bar of unsaved edits, and on phones the navigation, lie over the end of the window. */
function keepInSight(view: EditorView): void {
  view.requestMeasure({
    key: "in sight",
    read: () => (view.hasFocus ? view.coordsAtPos(view.state.selection.main.head) : null),
    write: (at) => {
      const hidden = (at?.bottom ?? 0) - (innerHeight - (innerWidth < 1024 ? 150 : 80));
      if (hidden > 0) scrollBy(0, hidden);
    },
  });
}

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]');

export default function CodeEditor(props: CodeEditorProps) {
  const { value, language, keywords, marks, lines = [10, 28] } = props;
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const latest = useRef(props);
  latest.current = props;
  const attributes = useRef(new Compartment());

  useEffect(() => {
    if (place.current === null) return;
    const listed = () => latest.current.keywords ?? [];
    const own: Extension =
      language === "json"
        ? [jsonExtensions(), lineNumbers(), foldGutter(), bracketMatching(), indentOnInput()]
        : promptExtensions(listed);
    const editor = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: latest.current.value,
        extensions: [
          EditorView.cspNonce.of(nonce?.nonce || nonce?.content || ""),
          history(),
          drawSelection(),
          EditorView.lineWrapping,
          EditorState.tabSize.of(2),
          own,
          autocompletion({ icons: false }),
          // Not Tab: it leads to the next field.
          keymap.of([
            ...completionKeymap,
            ...defaultKeymap,
            ...historyKeymap,
            ...foldKeymap,
            ...lintKeymap,
          ]),
          theme,
          latest.current.placeholder ? placeholder(latest.current.placeholder) : [],
          attributes.current.of([]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
            if (update.docChanged || update.selectionSet) keepInSight(update.view);
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      view.current = null;
      editor.destroy();
    };
  }, [language]);

  // A value from outside, such as what was discarded or inserted.
  useEffect(() => {
    const editor = view.current;
    if (editor === null || editor.state.doc.toString() === value) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value, language]);

  const { id, label } = props;
  const described = props["aria-describedby"];
  const invalid = props["aria-invalid"];
  useEffect(() => {
    view.current?.dispatch({
      effects: attributes.current.reconfigure(
        EditorView.contentAttributes.of({
          ...(id && { id }),
          tabindex: "0", // So that accessibility checkers see that it takes the focus.
          "aria-label": label,
          ...(described && { "aria-describedby": described }),
          ...(invalid && { "aria-invalid": "true" }),
          spellcheck: language === "template" ? "true" : "false",
        }),
      ),
    });
  }, [id, label, described, invalid, language]);

  useEffect(() => {
    const editor = view.current;
    if (editor === null) return;
    const find = language === "json" ? jsonDiagnostics : templateDiagnostics;
    const found: Diagnostic[] = find(editor.state, marks ?? []);
    editor.dispatch(setDiagnostics(editor.state, found));
    if (latest.current.goTo) {
      latest.current.goTo.current = (mark) => {
        const [at] = find(editor.state, [mark]);
        if (at === undefined) return;
        editor.dispatch({
          selection: { anchor: at.from, head: at.to },
          effects: EditorView.scrollIntoView(at.from, { y: "center" }),
        });
        editor.focus();
      };
    }
  }, [marks, value, language, keywords]);

  return (
    <div
      ref={place}
      style={{
        "--least": `${lines[0] * 1.4 + 1.5}rem`,
        "--most": `${lines[1] * 1.4 + 1.5}rem`,
      } as React.CSSProperties}
      className={cx(
        "overflow-hidden rounded-md border bg-surface focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-accent",
        "[&_.cm-content]:min-h-(--least)! [&_.cm-scroller]:max-h-(--most)",
        invalid ? "border-danger" : "border-line-strong",
      )}
    />
  );
}
