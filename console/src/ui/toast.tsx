import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";

import { sentenceOf } from "@/api/problem";
import { cx } from "@/lib/cx";

import { IconButton } from "./button";

interface Note {
  id: number;
  level: "ok" | "error";
  text: string;
}

let notes: readonly Note[] = [];
let next = 1;
const observers = new Set<() => void>();

function set(changed: readonly Note[]): void {
  notes = changed;
  observers.forEach((observer) => observer());
}

function dismiss(id: number): void {
  set(notes.filter((each) => each.id !== id));
}

/** Says in passing that something was done, or could not be. */
export function toast(text: string, level: Note["level"] = "ok"): void {
  const note = { id: next++, level, text };
  set([...notes.slice(-2), note]);
  setTimeout(() => dismiss(note.id), level === "ok" ? 4000 : 9000);
}

export function toastError(error: unknown): void {
  toast(sentenceOf(error), "error");
}

/** Where the toasts are shown; in the shell, once. */
export function Toaster() {
  const shown = useSyncExternalStore(
    (observer) => {
      observers.add(observer);
      return () => observers.delete(observer);
    },
    () => notes,
  );
  return (
    <div
      aria-live="polite"
      className="pointer-events-none fixed inset-x-3 bottom-20 z-50 flex flex-col items-center gap-2 lg:bottom-6"
    >
      {shown.map((note) => (
        <div
          key={note.id}
          className={cx(
            "pointer-events-auto flex max-w-lg items-center gap-2.5 rounded-lg border bg-raised py-1.5 pr-1.5 pl-4 text-sm shadow-lg animate-appear",
            note.level === "ok" ? "border-line" : "border-danger/40",
          )}
        >
          {note.level === "ok" ? (
            <CircleCheck aria-hidden className="size-4 shrink-0 text-ok" />
          ) : (
            <CircleAlert aria-hidden className="size-4 shrink-0 text-danger" />
          )}
          <span>{note.text}</span>
          <IconButton
            size="sm"
            label="Dismiss"
            icon={<X className="size-4" />}
            onClick={() => dismiss(note.id)}
          />
        </div>
      ))}
    </div>
  );
}
