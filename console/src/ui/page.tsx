import type { ReactNode } from "react";

import { sentenceOf } from "@/api/problem";
import { cx } from "@/lib/cx";
import { useTitle } from "@/lib/useTitle";

import { Button } from "./button";
import { Notice } from "./notice";

export interface PageProps {
  /** Also the browser's title. */
  title: string;
  /** Before the title, such as a link back. */
  above?: ReactNode;
  /** Behind the title, such as a badge. */
  beside?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
  /** All the width there is; otherwise what reads well. */
  wide?: boolean;
  children?: ReactNode;
}

/** A page: its title, what can be done, and its content. */
export function Page({
  title,
  above,
  beside,
  description,
  actions,
  wide,
  children,
}: PageProps) {
  useTitle(title);
  return (
    <div
      className={cx(
        "mx-auto flex w-full flex-col gap-6 px-4 py-5 sm:px-6 lg:px-8 lg:py-7",
        wide ? "max-w-[110rem]" : "max-w-5xl",
      )}
    >
      <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          {above && <div className="mb-1 text-sm text-muted">{above}</div>}
          <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
            <h1 className="text-2xl font-semibold tracking-tight">{title}</h1>
            {beside}
          </div>
          {description && <p className="mt-1 max-w-2xl text-muted">{description}</p>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** What could not be loaded, with a way to try again. */
export function LoadError({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <Notice
      level="error"
      action={
        retry && (
          <Button size="sm" onClick={retry}>
            Try again
          </Button>
        )
      }
    >
      {sentenceOf(error)}
    </Notice>
  );
}
