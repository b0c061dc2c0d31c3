import { Braces, Clock, FlaskConical, Zap } from "lucide-react";
import { lazy, Suspense, type ReactNode } from "react";
import { useSearchParams } from "wouter";

import { Actions } from "@/conversation/Actions";
import { StateView } from "@/conversation/StateView";
import { Waterfall } from "@/conversation/Waterfall";
import { Badge, Card, Skeleton, Tabs, type Tab } from "@/ui";

import type { CallView } from "./useCall";
import { WhatIf } from "./WhatIf";
import type { Conversation } from "./naming";

const FirstAudioChart = lazy(() => import("./FirstAudioChart"));

export interface SectionsOf {
  conversation: Conversation;
  view: CallView;
  part: number;
  turn: number | null;
  setTurn: (turn: number | null) => void;
  showAt: (ms: number) => void;
}

/** What there is to see of a call besides its words. */
export function sectionsOf({ conversation, view, part, turn, setTurn, showAt }: SectionsOf): Tab[] {
  const tabs: Tab[] = [
    {
      id: "latency",
      label: <Labeled icon={<Clock />}>Latency</Labeled>,
      content:
        view.turns.length === 0 ? (
          <Nothing>
            {view.live
              ? "The agent has not answered yet."
              : view.hasJournal
                ? "The agent answered nothing."
                : "There is no journal of this call. Set journal.directory to keep them."}
          </Nothing>
        ) : (
          <>
            <Suspense fallback={<Skeleton className="m-5 h-36" />}>
              <FirstAudioChart turns={view.turns} onPick={setTurn} />
            </Suspense>
            <Waterfall turns={view.turns} shown={turn} />
          </>
        ),
    },
    {
      id: "actions",
      label: <Labeled icon={<Zap />}>Actions</Labeled>,
      badge: view.actions.length > 0 && <Badge>{view.actions.length}</Badge>,
      content:
        view.actions.length === 0 ? (
          <Nothing>The agent {view.live ? "has done" : "did"} nothing.</Nothing>
        ) : (
          <Actions actions={view.actions} />
        ),
    },
    {
      id: "state",
      label: <Labeled icon={<Braces />}>State</Labeled>,
      content:
        Object.keys(view.state).length === 0 && view.states.length < 2 ? (
          <Nothing>The state is empty.</Nothing>
        ) : (
          <StateView state={view.state} states={view.states} />
        ),
    },
  ];
  if (!view.live && view.hasJournal) {
    tabs.push({
      id: "what-if",
      label: <Labeled icon={<FlaskConical />}>What if</Labeled>,
      content: <WhatIf id={conversation.id} part={part} onPick={showAt} />,
    });
  }
  return tabs;
}

/** Tabs whose choice is part of the address. */
export function TabbedCard({ tabs }: { tabs: Tab[] }) {
  const [search, setSearch] = useSearchParams();
  const wanted = search.get("tab") ?? "";
  const value = tabs.some((tab) => tab.id === wanted) ? wanted : (tabs[0]?.id ?? "");
  return (
    <Card flush>
      <Tabs
        label="About this call"
        tabs={tabs}
        value={value}
        onChange={(tab) =>
          setSearch(
            (before) => {
              const after = new URLSearchParams(before);
              after.set("tab", tab);
              return after;
            },
            { replace: true },
          )
        }
        className="[&>[role=tablist]]:px-2 [&>[role=tablist]]:pt-1"
        contentClassName="pt-0!"
      />
    </Card>
  );
}

function Labeled({ icon, children }: { icon: ReactNode; children: ReactNode }) {
  return (
    <span className="flex items-center gap-2 [&_svg]:size-4">
      <span aria-hidden className="max-sm:hidden">
        {icon}
      </span>
      {children}
    </span>
  );
}

function Nothing({ children }: { children: ReactNode }) {
  return <p className="px-5 py-8 text-center text-sm text-muted">{children}</p>;
}
