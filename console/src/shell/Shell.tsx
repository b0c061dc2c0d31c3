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

let cameBack = false;
addEventListener("popstate", () => {
  cameBack = true;
});

/** What is around every page: navigation at the side, on phones at the bottom. */
export function Shell({ children }: { children: ReactNode }) {
  const [location, go] = useLocation();
  const [help, setHelp] = useState(false);
  const main = useRef<HTMLElement>(null);
  useShortcuts([
    { keys: "?", does: "Show the shortcuts", run: () => setHelp(true) },
    ...DESTINATIONS.map(({ key, label, href }) => ({
      keys: `g ${key}`,
      does: `Go to ${label}`,
      run: () => go(href),
    })),
  ]);
  const page = location.split("/").slice(1, 3).join("/");
  const [opened] = useState({ page });
  useEffect(() => {
    if (opened.page === page) return;
    opened.page = page;
    // A new page begins at its top; one that one comes back to is where the browser had it.
    if (!cameBack) scrollTo(0, 0);
    cameBack = false;
    // What had the focus is gone with the page before: the next Tab leads into the new one.
    const lost = setTimeout(() => {
      if (document.activeElement === document.body) main.current?.focus({ preventScroll: true });
    }, 50);
    return () => clearTimeout(lost);
  }, [page, opened]);

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
          <MainNav at="side" location={location} />
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

      <MainNav at="bottom" location={location} />

      <ShortcutHelp open={help} onClose={() => setHelp(false)} />
    </div>
  );
}

const PLACES = {
  side: {
    nav: "flex flex-col gap-1",
    link: "flex h-10 items-center gap-3 rounded-md px-3 text-sm font-medium",
    here: "bg-accent-soft text-accent",
    other: "text-muted hover:bg-hover hover:text-ink",
    icon: "size-4.5",
  },
  bottom: {
    nav: "fixed inset-x-0 bottom-0 z-30 grid grid-cols-4 border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] lg:hidden",
    link: "flex h-15 flex-col items-center justify-center gap-1 text-xs font-medium -outline-offset-2!",
    here: "text-accent",
    other: "text-muted",
    icon: "size-5",
  },
};

function MainNav({ at, location }: { at: keyof typeof PLACES; location: string }) {
  const looks = PLACES[at];
  return (
    <nav aria-label="Main" className={looks.nav}>
      {DESTINATIONS.map(({ href, label, icon: Icon }) => {
        const here = location.startsWith(href);
        return (
          <Link
            key={href}
            href={href}
            aria-current={here ? "page" : undefined}
            className={cx(looks.link, here ? looks.here : looks.other)}
          >
            <Icon aria-hidden className={looks.icon} />
            {label}
          </Link>
        );
      })}
    </nav>
  );
}
