/** Keyboard shortcuts: one registry, so that the help (`?`) shows those of the page. */
import { useEffect, useRef, useSyncExternalStore } from "react";

export interface Shortcut {
  /** `?`, `n`, `mod+s` (Ctrl, or Command on a Mac), or two keys in turn: `g p`. */
  keys: string;
  /** What it does, for the help. */
  does: string;
  run: () => void;
  /** Also while something is being typed. */
  typing?: boolean;
}

let registered: readonly Shortcut[] = [];
const observers = new Set<() => void>();
let before = "";
let beforeAt = 0;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const mod = event.ctrlKey || event.metaKey;
  const key = (mod ? "mod+" : "") + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
  const chord = event.timeStamp - beforeAt < 900 ? `${before} ${key}` : "";
  before = key;
  beforeAt = event.timeStamp;
  const typing = isTyping(event.target);
  // A dialog hides the page: its shortcuts rest, but for those that are meant for typing too.
  const hidden = document.querySelector('[role="dialog"]') !== null;
  const found = registered.findLast(
    (each) =>
      (each.keys === key || (chord !== "" && each.keys === chord)) &&
      (each.typing || (!typing && !hidden)),
  );
  if (found === undefined) return;
  event.preventDefault();
  before = "";
  found.run();
});

/** Shortcuts while the component is shown. */
export function useShortcuts(shortcuts: Shortcut[]): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  const shape = shortcuts.map((each) => `${each.keys}\n${each.does}`).join("\n\n");
  useEffect(() => {
    const mine = latest.current.map((each, at) => ({
      ...each,
      run: () => latest.current[at]?.run(),
    }));
    registered = [...registered, ...mine];
    observers.forEach((observer) => observer());
    return () => {
      registered = registered.filter((each) => !mine.includes(each));
      observers.forEach((observer) => observer());
    };
  }, [shape]);
}

export function useRegisteredShortcuts(): readonly Shortcut[] {
  return useSyncExternalStore(
    (observer) => {
      observers.add(observer);
      return () => observers.delete(observer);
    },
    () => registered,
  );
}
