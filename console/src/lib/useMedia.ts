import { useCallback, useSyncExternalStore } from "react";

/** Whether a media query holds, such as `(min-width: 1024px)`. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    useCallback(
      (observer) => {
        const list = matchMedia(query);
        list.addEventListener("change", observer);
        return () => list.removeEventListener("change", observer);
      },
      [query],
    ),
    () => matchMedia(query).matches,
  );
}
