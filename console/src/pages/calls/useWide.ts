import { useSyncExternalStore } from "react";

const query = matchMedia("(min-width: 1024px)");

/** Whether there is room for two columns. */
export function useWide(): boolean {
  return useSyncExternalStore(
    (observer) => {
      query.addEventListener("change", observer);
      return () => query.removeEventListener("change", observer);
    },
    () => query.matches,
  );
}
