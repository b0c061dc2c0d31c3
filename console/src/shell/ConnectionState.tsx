import { useEffect, useState } from "react";

import { keys, queries } from "@/api/queries";
import { cx } from "@/lib/cx";
import { useLiveStatus, useTopicEvents } from "@/live/useTopic";

/** Whether what is shown is kept up to date. Quiet while all is well. */
export function ConnectionState() {
  const status = useLiveStatus();
  // Also keeps the socket open on every page, and the lists of personas up to date.
  useTopicEvents<{ kind: "persona"; id: string }>("personas", (event) => {
    void queries.invalidateQueries({
      queryKey: event.kind === "persona" ? keys.persona(event.id) : keys.personas,
    });
    void queries.invalidateQueries({ queryKey: keys.personas, exact: true });
  });
  useEffect(() => {
    if (status === "signed-out") void queries.invalidateQueries({ queryKey: keys.me });
  }, [status]);
  const [text, dot] = {
    open: ["Live", "bg-ok"],
    connecting: ["Connecting…", "bg-warn animate-pulse-soft"],
    waiting: ["Reconnecting…", "bg-warn animate-pulse-soft"],
    "signed-out": ["Signed out", "bg-danger"],
  }[status];
  return (
    <span role="status" className="flex items-center gap-2 px-2 text-xs text-muted">
      <span aria-hidden className={cx("size-2 rounded-full", dot)} />
      {text}
    </span>
  );
}

/** On phones, where there is no room for what is well: only what is not, and not at once. */
export function ConnectionBanner() {
  const status = useLiveStatus();
  const [late, setLate] = useState(false);
  const well = status === "open";
  useEffect(() => {
    setLate(false);
    if (well) return;
    const timer = setTimeout(() => setLate(true), 4000);
    return () => clearTimeout(timer);
  }, [well]);
  if (!late) return null;
  return (
    <p
      role="status"
      className="fixed inset-x-0 top-0 z-30 bg-warn-soft py-1 text-center text-xs text-warn lg:hidden"
    >
      Reconnecting: what is shown may be old.
    </p>
  );
}
