import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

export interface CardProps {
  title?: ReactNode;
  /** At the title's right. */
  actions?: ReactNode;
  description?: ReactNode;
  /** No padding, for tables and lists. */
  flush?: boolean;
  className?: string;
  children?: ReactNode;
}

export function Card({ title, actions, description, flush, className, children }: CardProps) {
  return (
    <section className={cx("rounded-xl border border-line bg-surface shadow-sm", className)}>
      {(title || actions) && (
        <header className={cx("px-4 pt-4 sm:px-5", flush && "pb-3")}>
          <div className="flex items-center justify-between gap-x-4">
            {title && <h2 className="min-w-0 text-base font-semibold">{title}</h2>}
            {actions && <div className="ml-auto flex min-w-0 items-center gap-2">{actions}</div>}
          </div>
          {description && <p className="mt-0.5 text-sm text-muted">{description}</p>}
        </header>
      )}
      {children !== undefined && (
        <div className={cx(!flush && "px-4 py-4 sm:px-5", flush && "overflow-hidden rounded-b-xl")}>
          {children}
        </div>
      )}
    </section>
  );
}
