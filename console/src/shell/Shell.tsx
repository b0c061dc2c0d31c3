import { Keyboard } from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";

import { cx } from "@/lib/cx";
import { useShortcuts } from "@/lib/shortcuts";
import { IconButton } from "@/ui/button";

import { ConnectionBanner, ConnectionState } from "./ConnectionState";
import { DESTINATIONS } from "./navigation";
import { ShortcutHelp } from "./ShortcutHelp";
import { ThemeMenu } from "./ThemeMenu";
import { Wordmark } from "./Wordmark";

/** What is around every page: navigation at the side, on phones at the bottom. */
export function Shell({ children }: { children: ReactNode }) {
  const [location, go] = useLocation();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  const section = location.split("/")[1];
  useShortcuts([
    { keys: "?", does: "Show the shortcuts", run: () => setHelp(true) },
    ...DESTINATIONS.map(({ key, label, href }) => ({
      keys: `g ${key}`,
      does: `Go to ${label}`,
      run: () => go(href),
    })),
  ]);
  // A new page begins at its top.
  useEffect(() => {
    scrollTo(0, 0);
  }, [section]);

  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[13.5rem_minmax(0,1fr)]">
      <a
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
        className="fixed top-2 left-2 z-50 -translate-y-16 rounded-md bg-accent px-4 py-2 text-accent-ink focus:translate-y-0"
      >
        Skip to the content
      </a>

      <header className="hidden border-r border-line bg-surface lg:block">
        <div className="sticky top-0 flex h-dvh flex-col p-3">
          <Link href="/playground" className="mb-5 block rounded-md px-2 py-2">
            <Wordmark />
          </Link>
          <nav aria-label="Main" className="flex flex-col gap-1">
            {DESTINATIONS.map(({ href, label, icon: Icon }) => {
              const here = location.startsWith(href);
              return (
                <Link
                  key={href}
                  href={href}
                  aria-current={here ? "page" : undefined}
                  className={cx(
                    "flex h-10 items-center gap-3 rounded-md px-3 text-sm font-medium",
                    here ? "bg-accent-soft text-accent" : "text-muted hover:bg-hover hover:text-ink",
                  )}
                >
                  <Icon aria-hidden className="size-4.5" />
                  {label}
                </Link>
              );
            })}
          </nav>
          <div className="mt-auto flex items-center justify-between gap-1">
            <ConnectionState />
            <span className="flex">
              <IconButton
                size="sm"
                label="Keyboard shortcuts"
                icon={<Keyboard className="size-4 text-muted" />}
                onClick={() => setHelp(true)}
              />
              <ThemeMenu />
            </span>
          </div>
        </div>
      </header>

      <ConnectionBanner />
      <main
        id="content"
        ref={main}
        tabIndex={-1}
        className="min-w-0 pb-20 focus:outline-none lg:pb-0"
      >
        {children}
      </main>

      <nav
        aria-label="Main"
        className="fixed inset-x-0 bottom-0 z-30 grid grid-cols-4 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden"
      >
        {DESTINATIONS.map(({ href, label, icon: Icon }) => {
          const here = location.startsWith(href);
          return (
            <Link
              key={href}
              href={href}
              aria-current={here ? "page" : undefined}
              className={cx(
                "flex h-15 flex-col items-center justify-center gap-1 text-xs font-medium -outline-offset-2!",
                here ? "text-accent" : "text-muted",
              )}
            >
              <Icon aria-hidden className="size-5" />
              {label}
            </Link>
          );
        })}
      </nav>

      <ShortcutHelp open={help} onClose={() => setHelp(false)} />
    </div>
  );
}
