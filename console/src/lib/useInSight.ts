import { useEffect, type RefObject } from "react";

/** Scrolls a row of links or tabs that is wider than its place so that the open one is in its
 * middle: when another one is opened (`changed`), and when what is counted in them comes. */
export function useInSight(row: RefObject<HTMLElement | null>, open: string, changed: unknown): void {
  useEffect(() => {
    const place = row.current;
    if (place === null) return;
    const center = () => {
      const found = place.querySelector(open);
      if (found === null) return;
      const [outer, inner] = [place.getBoundingClientRect(), found.getBoundingClientRect()];
      place.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
    };
    const observer = new ResizeObserver(center);
    place.querySelectorAll("a, button").forEach((each) => observer.observe(each));
    return () => observer.disconnect();
  }, [row, open, changed]);
}
