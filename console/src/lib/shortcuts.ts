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

function pressed(event: KeyboardEvent, typing: boolean): void {
  if (event.defaultPrevented || event.altKey || event.isComposing) return;
  const mod = event.ctrlKey || event.metaKey;
  const key = (mod ? "mod+" : "") + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
  // A dialog hides the page, and letters search in a menu: only those for typing work there.
  const busy = isTyping(event.target) || document.querySelector(BUSY) !== null;
  if (!typing && busy) return;
  const chord = !typing && event.timeStamp - beforeAt < 900 ? `${before} ${key}` : "";
  if (!typing) [before, beforeAt] = [key, event.timeStamp];
  const found = registered.findLast(
    (each) =>
      Boolean(each.typing) === typing &&
      (each.keys === key || (chord !== "" && each.keys === chord)),
  );
  if (found === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  before = "";
  found.run();
}

const BUSY = '[role="dialog"], [role="menu"]';

// Those for typing come before what an editor makes of the same keys.
addEventListener("keydown", (event) => pressed(event, true), { capture: true });
addEventListener("keydown", (event) => pressed(event, false));

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
