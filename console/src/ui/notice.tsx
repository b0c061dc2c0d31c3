import { CircleAlert, CircleCheck, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

export type Level = "info" | "ok" | "warning" | "error";

const LOOKS = {
  info: { icon: Info, looks: "bg-sunken text-ink border-line" },
  ok: { icon: CircleCheck, looks: "bg-ok-soft text-ok border-ok/30" },
  warning: { icon: TriangleAlert, looks: "bg-warn-soft text-warn border-warn/30" },
  error: { icon: CircleAlert, looks: "bg-danger-soft text-danger border-danger/30" },
};

export interface NoticeProps {
  level?: Level;
  title?: ReactNode;
  children?: ReactNode;
  /** A button that helps. */
  action?: ReactNode;
  className?: string;
}

/** Something to know, in the page. Errors are read aloud at once. */
export function Notice({ level = "info", title, children, action, className }: NoticeProps) {
  const { icon: Icon, looks } = LOOKS[level];
  return (
    <div
      role={level === "error" ? "alert" : "status"}
      className={cx("flex items-start gap-3 rounded-lg border px-4 py-3 text-sm", looks, className)}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 grow">
        {title && <p className="font-semibold">{title}</p>}
        {children && <div>{children}</div>}
      </div>
      {action && <div className="shrink-0">{action}</div>}
    </div>
  );
}
