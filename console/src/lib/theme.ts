/** Light, dark or as the system; remembered (see public/theme.js). */
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";

const observers = new Set<() => void>();

function current(): Theme {
  const theme = document.documentElement.dataset.theme;
  return theme === "light" || theme === "dark" ? theme : "system";
}

export function setTheme(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    // Storage is forbidden: it holds until the page is left.
  }
  observers.forEach((observer) => observer());
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (observer) => {
      observers.add(observer);
      return () => observers.delete(observer);
    },
    current,
  );
}

/** Whether the page is dark now; for canvases, which know no CSS variables. */
export function useIsDark(): boolean {
  const theme = useTheme();
  const system = useSyncExternalStore(
    (observer) => {
      const query = matchMedia("(prefers-color-scheme: dark)");
      query.addEventListener("change", observer);
      return () => query.removeEventListener("change", observer);
    },
    () => matchMedia("(prefers-color-scheme: dark)").matches,
  );
  return theme === "system" ? system : theme === "dark";
}

/** What a color of tokens.css is now, such as `accent`: for canvases. */
export function tokenColor(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
