import { useEffect, useState } from "react";

import { duration, moment, relative } from "@/lib/format";

/** How long ago, with the exact time as a tooltip; goes on by itself. */
export function Ago({ at }: { at: string }) {
  useTick(20_000);
  return (
    <time dateTime={at} title={moment(at)}>
      {relative(at)}
    </time>
  );
}

/** How long since, counting: `0:07`. */
export function Elapsed({ since }: { since: string }) {
  useTick(1000);
  return <time className="tabular">{duration(Date.now() - new Date(since).getTime())}</time>;
}

function useTick(ms: number): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
}
