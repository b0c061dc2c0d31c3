/** CodeMirror in the console's colors, which follow the theme by themselves. */
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const POPUP = {
  border: "1px solid var(--line)",
  backgroundColor: "var(--raised)",
  color: "var(--ink)",
  borderRadius: "0.5rem",
  boxShadow: "var(--shadow-raised)",
};

const looks = EditorView.theme({
  "&": { backgroundColor: "transparent", color: "var(--ink)", fontSize: "0.875rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "1.6" },
  ".cm-content": { padding: "0.75rem 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 0.875rem" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground":
    { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-gutters": {
    backgroundColor: "transparent",
    color: "var(--muted)",
    border: "none",
    fontSize: "0.78rem",
  },
  ".cm-placeholder": { color: "var(--muted)" },
  ".cm-keyword": {
    color: "var(--accent)",
    backgroundColor: "var(--accent-soft)",
    borderRadius: "0.25rem",
    padding: "0.05rem 0",
  },
  ".cm-tooltip": { ...POPUP, zIndex: 45 },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": {
    fontFamily: "var(--font-mono)",
    fontSize: "0.8rem",
    maxHeight: "16rem",
  },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "0.3rem 0.6rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": {
    backgroundColor: "var(--accent-soft)",
    color: "var(--accent)",
  },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", marginLeft: "0.75rem" },
  ".cm-completionInfo": {
    ...POPUP,
    padding: "0.5rem 0.75rem",
    maxWidth: "20rem",
    fontFamily: "var(--font-sans)",
    fontSize: "0.8rem",
  },
  ".cm-diagnostic": {
    padding: "0.35rem 0.75rem",
    fontFamily: "var(--font-sans)",
    fontSize: "0.8rem",
    borderLeftWidth: "3px",
    maxWidth: "28rem",
  },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--danger)",
  },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn)" },
  ".cm-lintRange-info": { backgroundImage: "none", textDecoration: "underline dotted var(--muted)" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--hover)" },
  ".cm-foldPlaceholder": { backgroundColor: "var(--sunken)", border: "none", color: "var(--muted)" },
});

const colors = HighlightStyle.define([
  { tag: tags.propertyName, color: "var(--user)" },
  { tag: tags.string, color: "var(--accent)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--stage-llm)" },
  { tag: [tags.punctuation, tags.separator], color: "var(--muted)" },
  { tag: tags.invalid, color: "var(--danger)" },
]);

export const theme = [looks, syntaxHighlighting(colors)];
