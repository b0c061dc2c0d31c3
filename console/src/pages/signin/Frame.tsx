import type { ReactNode } from "react";

import { useTitle } from "@/lib/useTitle";
import { ThemeMenu } from "@/shell/ThemeMenu";
import { Wordmark } from "@/shell/Wordmark";

export interface FrameProps {
  title: string;
  description?: ReactNode;
  children: ReactNode;
  /** Below the card. */
  below?: ReactNode;
}

/** What is around the pages of those who have no shell yet. */
export function Frame({ title, description, children, below }: FrameProps) {
  useTitle(title);
  return (
    <div className="flex min-h-dvh flex-col">
      <header className="flex items-center justify-between px-5 py-4">
        <Wordmark />
        <ThemeMenu side="bottom" />
      </header>
      <main className="mx-auto flex w-full max-w-md grow flex-col px-4 pt-[7vh] pb-16">
        <div className="rounded-xl border border-line bg-surface px-5 py-6 shadow-sm sm:px-8 sm:py-8">
          <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
          {description && <p className="mt-1.5 text-muted">{description}</p>}
          <div className="mt-6">{children}</div>
        </div>
        {below && <div className="px-5 pt-5 text-sm text-muted sm:px-8">{below}</div>}
      </main>
    </div>
  );
}
