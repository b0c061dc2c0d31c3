import type { ReactNode } from "react";

/** Who is which color; more entries may follow. */
export function Legend({ agentName, children }: { agentName: string; children?: ReactNode }) {
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
      <LegendEntry mark="rounded-sm bg-user" label="Caller" />
      <LegendEntry mark="rounded-sm bg-agent" label={agentName} />
      {children}
    </ul>
  );
}

/** `mark`: the looks of what stands for it. */
export function LegendEntry({ mark, label }: { mark: string; label: string }) {
  return (
    <li className="flex min-w-0 items-center gap-1.5">
      <span aria-hidden className={`size-2.5 shrink-0 ${mark}`} />
      <span className="max-w-48 truncate">{label}</span>
    </li>
  );
}
