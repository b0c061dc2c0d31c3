import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

export interface ChoiceProps {
  name: string;
  checked: boolean;
  onChange: () => void;
  label: ReactNode;
  says?: ReactNode;
  aside?: ReactNode;
  disabled?: boolean;
}

/** One of several, as a card. */
export function Choice({ name, checked, onChange, label, says, aside, disabled }: ChoiceProps) {
  return (
    <div
      className={cx(
        "flex items-center gap-2 rounded-lg border pr-2",
        checked ? "border-accent bg-accent-soft" : "border-line hover:bg-hover",
      )}
    >
      <label className="flex min-w-0 grow cursor-pointer items-start gap-3 py-2.5 pl-4">
        <input
          type="radio"
          name={name}
          checked={checked}
          disabled={disabled}
          onChange={onChange}
          className="mt-1 size-4 shrink-0 accent-(--accent)"
        />
        <span className="min-w-0">
          <span className="block font-medium">{label}</span>
          {says && <span className="block text-sm text-muted">{says}</span>}
        </span>
      </label>
      {aside}
    </div>
  );
}
