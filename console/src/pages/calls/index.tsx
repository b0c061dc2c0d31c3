import { useShortcuts } from "@/lib/shortcuts";
import { Page } from "@/ui";

import { Board } from "./Board";
import { History } from "./History";

export default function CallsPage() {
  useShortcuts([
    { keys: "j", does: "Next call", run: () => step(1) },
    { keys: "k", does: "Call before", run: () => step(-1) },
    {
      keys: "/",
      does: "Filter the history by user",
      run: () => document.querySelector<HTMLElement>("[data-filter]")?.focus(),
    },
  ]);
  return (
    <Page title="Calls" wide>
      <Board />
      <History />
    </Page>
  );
}

/** To the next row of the tables; Enter opens it. */
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>("a[data-row]")];
  const here = rows.indexOf(document.activeElement as HTMLElement);
  const row = here < 0 ? rows[by > 0 ? 0 : rows.length - 1] : rows[here + by];
  row?.focus();
  row?.scrollIntoView({ block: "nearest" });
}
