import { useEffect } from "react";

/** The page's title; parts from the special to the general. */
export function useTitle(...parts: (string | undefined)[]): void {
  const title = [...parts.filter(Boolean), "Voice agent"].join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
