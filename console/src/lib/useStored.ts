import { useCallback, useState } from "react";

/** State that this browser remembers, such as which microphone was picked. */
export function useStored<T>(name: string, initial: T): [T, (value: T) => void] {
  const [value, set] = useState<T>(() => {
    try {
      const text = localStorage.getItem(name);
      return text === null ? initial : (JSON.parse(text) as T);
    } catch {
      return initial;
    }
  });
  const keep = useCallback(
    (next: T) => {
      set(next);
      try {
        localStorage.setItem(name, JSON.stringify(next));
      } catch {
        // Storage is forbidden: it holds until the page is left.
      }
    },
    [name],
  );
  return [value, keep];
}
