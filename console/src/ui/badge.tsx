import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

export type Tone = "neutral" | "accent" | "ok" | "warn" | "danger" | "user";

const TONES: Record<Tone, string> = {
  neutral: "bg-sunken text-muted border-line",
  accent: "bg-accent-soft text-accent border-accent/25",
  ok: "bg-ok-soft text-ok border-ok/25",
  warn: "bg-warn-soft text-warn border-warn/25",
  danger: "bg-danger-soft text-danger border-danger/25",
  user: "bg-user-soft text-user border-user/25",
};

export interface BadgeProps {
  tone?: Tone;
  /** A pulsing dot: something goes on now. */
  live?: boolean;
  icon?: ReactNode;
  className?: string;
  children: ReactNode;
}

export function Badge({ tone = "neutral", live, icon, className, children }: BadgeProps) {
  return (
    <span
      className={cx(
        "inline-flex items-center gap-1.5 rounded-full border px-2 py-0.5 text-xs font-medium",
        "whitespace-nowrap",
        TONES[tone],
        className,
      )}
    >
      {live && (
        <span aria-hidden className="size-1.5 rounded-full bg-current animate-pulse-soft" />
      )}
      {icon}
      {children}
    </span>
  );
}
