import { ArrowLeft, AudioLines, Braces, Clock, FileDown, FlaskConical, Zap } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Link, useParams, useSearchParams } from "wouter";

import { ApiError } from "@/api/problem";
import { Action, Actions } from "@/conversation/Actions";
import { Levels } from "@/conversation/Levels";
import { StateView } from "@/conversation/StateView";
import { Transcript, type Between } from "@/conversation/Transcript";
import { Waterfall } from "@/conversation/Waterfall";
import { milliseconds, moment } from "@/lib/format";
import { useShortcuts } from "@/lib/shortcuts";
import type { CallTopic, Said } from "@/live/types";
import { useTopicEvents } from "@/live/useTopic";
import { NotFound } from "@/shell/NotFound";
import {
  Badge,
  Button,
  Card,
  Elapsed,
  LoadError,
  Notice,
  Page,
  Skeleton,
  SkeletonLines,
  Tabs,
  type Tab,
} from "@/ui";

import { CallButtons, Composer } from "./Controls";
import { Facts } from "./Facts";
import { Outcome } from "./History";
import { Playback, usePlaying } from "./playback";
import { partPath } from "./record";
import { segmentAt, segmentsOf } from "./timeline";
import { useCall, type CallView } from "./useCall";
import { useWide } from "./useWide";
import { WhatIf } from "./WhatIf";
import { callerOf, liveCallerOf, phaseOf, type Conversation } from "./words";
import type { Mark } from "./Player";

const Player = lazy(() => import("./Player"));
const FirstAudioChart = lazy(() => import("./FirstAudioChart"));

/** One call, while it goes on and afterwards. */
export default function CallPage() {
  const { id = "" } = useParams<{ id: string }>();
  const [search] = useSearchParams();
  const part = Number(search.get("part")) || null;
  const { conversation, view } = useCall(id, part);

  const failed = conversation.error;
  if (failed instanceof ApiError && failed.status === 404) {
    return <NotFound>There is no such call, or it has been deleted.</NotFound>;
  }
  if (conversation.data === undefined || view === undefined) {
    return (
      <Page title="Call" wide above={<Back />}>
        {failed ? (
          <LoadError error={failed} retry={() => void conversation.refetch()} />
        ) : (
          <SkeletonLines lines={8} />
        )}
      </Page>
    );
  }
  return <Call key={`${id} ${part}`} conversation={conversation.data} view={view} part={part ?? 1} />;
}

interface CallProps {
  conversation: Conversation;
  view: CallView;
  part: number;
}

function Call({ conversation, view, part }: CallProps) {
  const { id } = conversation;
  const { live } = view;
  const wide = useWide();
  const playback = usePlayback(view.waveform === undefined || !conversation.recording || live
    ? null
    : partPath(id, "audio", part));
  const segments = useMemo(
    () => segmentsOf(view.messages, view.turns, view.waveform),
    [view.messages, view.turns, view.waveform],
  );
  const [turn, setTurn] = useState<number | null>(null);
  const current = usePlaying(
    playback,
    (it) => (it.begun ? segmentAt(segments, it.at)?.messageId : undefined),
    undefined,
  );

  const showAt = (ms: number) => {
    playback?.seek(ms);
    playback?.play();
  };
  const pick = (said: Said) => {
    const segment = segments.find((each) => each.messageId === String(said.messageId));
    if (segment === undefined) return;
    showAt(segment.start);
    if (segment.turn !== null) setTurn(segment.turn);
  };
  const step = (by: 1 | -1) => {
    const here = segments.findIndex((each) => each.messageId === current);
    const next = segments[here < 0 ? 0 : here + by];
    if (next) showAt(next.start);
  };
  useShortcuts(
    playback
      ? [
          { keys: "p", does: "Play or pause", run: () => playback.toggle() },
          { keys: "j", does: "Play the next contribution", run: () => step(1) },
          { keys: "k", does: "Play the contribution before", run: () => step(-1) },
        ]
      : [],
  );

  const caller = live ? liveCallerOf(live) : callerOf(conversation);
  const transcript = (
    <Words
      conversation={conversation}
      view={view}
      caller={caller}
      current={current}
      onPick={playback || view.turns.length > 0 ? pick : undefined}
      segments={segments}
    />
  );
  const tabs = tabsOf({ conversation, view, part, turn, setTurn, showAt });
  return (
    <Page
      title={caller}
      wide
      above={<Back />}
      beside={
        live ? (
          <Badge tone={phaseOf(live.phase).tone} live>
            {phaseOf(live.phase).label}
          </Badge>
        ) : (
          conversation.status !== "ended" && <Outcome conversation={conversation} />
        )
      }
      description={
        <>
          {live ? "Talks" : "Talked"} to{" "}
          {conversation.persona_id ? (
            <Link
              href={`/personas/${conversation.persona_id}`}
              className="font-medium text-ink hover:underline"
            >
              {conversation.persona_name}
            </Link>
          ) : (
            <span className="font-medium text-ink">{conversation.persona_name}</span>
          )}{" "}
          {live ? (
            <>
              for <Elapsed since={live.startedAt} />
            </>
          ) : (
            <>
              on {moment(view.parts.find((each) => each.part === part)?.startedAt ?? conversation.created_at)}
            </>
          )}
        </>
      }
      actions={
        live ? (
          <CallButtons id={id} />
        ) : (
          <Downloads conversation={conversation} view={view} part={part} />
        )
      }
    >
      {view.parts.length > 1 && <Parts view={view} part={live ? null : part} />}
      <Facts conversation={conversation} view={view} />
      {view.error != null && <LoadError error={view.error} />}
      {live ? (
        <LiveLevels id={id} agentName={conversation.persona_name} />
      ) : (
        playback && (
          <Card>
            <Suspense fallback={<Skeleton className="h-28" />}>
              <Player
                playback={playback}
                waveform={view.waveform ?? null}
                agentName={conversation.persona_name}
                marks={marksOf(view)}
              />
            </Suspense>
          </Card>
        )
      )}
      {wide ? (
        <div className="grid grid-cols-[minmax(0,1fr)_minmax(0,27rem)] items-start gap-6 xl:grid-cols-[minmax(0,1fr)_minmax(0,32rem)]">
          <Card flush title="Transcript" className="sticky top-4">
            {transcript}
          </Card>
          <TabbedCard tabs={tabs} />
        </div>
      ) : (
        <TabbedCard tabs={[{ id: "words", label: "Transcript", content: transcript }, ...tabs]} />
      )}
    </Page>
  );
}

function Back() {
  return (
    <Link href="/calls" className="inline-flex items-center gap-1.5 hover:text-ink">
      <ArrowLeft aria-hidden className="size-4" />
      Calls
    </Link>
  );
}

/** The audio of a recording, as long as it is shown; null without one. */
function usePlayback(url: string | null): Playback | null {
  const [playback, setPlayback] = useState<Playback | null>(null);
  useEffect(() => {
    if (url === null) return;
    const made = new Playback(url);
    setPlayback(made);
    return () => {
      made.close();
      setPlayback(null);
    };
  }, [url]);
  return playback;
}

interface WordsProps {
  conversation: Conversation;
  view: CallView;
  caller: string;
  current: string | undefined;
  segments: ReturnType<typeof segmentsOf>;
  onPick: ((said: Said) => void) | undefined;
}

function Words({ conversation, view, caller, current, segments, onPick }: WordsProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const it = box.current;
    const line = it?.querySelector<HTMLElement>("[aria-current]");
    if (!it || !line || current === undefined) return;
    const place = line.getBoundingClientRect().top - it.getBoundingClientRect().top;
    if (place < 40 || place > it.clientHeight - 80) {
      it.scrollTo({ top: it.scrollTop + place - it.clientHeight / 3, behavior: "smooth" });
    }
  }, [current]);
  const between: Between[] = [
    ...view.actions.map((action) => ({
      key: `action ${action.number}`,
      at: action.startedAt,
      content: (
        <div className="ml-11 rounded-lg border border-line bg-sunken/50">
          <Action action={action} />
        </div>
      ),
    })),
    ...view.notes.map((note) => ({
      key: note.key,
      at: note.at,
      content: <p className="ml-11 text-sm text-muted italic">The agent was told: {note.text}</p>,
    })),
  ];
  const waits = new Map(view.turns.map((turn) => [turn.number, turn.firstAudioMs]));
  const beside = (said: Said): ReactNode => {
    if (said.source !== "ai") return null;
    const turn = segments.find((each) => each.messageId === String(said.messageId))?.turn ?? null;
    const wait = turn === null ? null : waits.get(turn);
    return wait == null ? null : (
      <span title="From the caller's last sound to the first audio" className="tabular">
        answered in {milliseconds(wait)}
      </span>
    );
  };
  const transcript = (
    <Transcript
      messages={view.messages}
      interim={view.interim}
      speaking={view.speaking}
      agentName={conversation.persona_name}
      userName={view.live || conversation.direction !== "web" ? caller : "Visitor"}
      withdrawn
      between={between}
      beside={beside}
      {...(current !== undefined && { current })}
      {...(onPick && !view.live && { onPick })}
      follow={view.live !== null}
      empty={
        <p className="px-5 py-8 text-center text-muted">
          {view.loading ? "Loading…" : view.live ? "Nothing was said yet." : "Nothing was said."}
        </p>
      }
      className={view.live ? "h-[60dvh] min-h-72" : ""}
    />
  );
  if (view.live) {
    return (
      <>
        {transcript}
        <Composer id={conversation.id} />
      </>
    );
  }
  return (
    <div ref={box} className="lg:max-h-[calc(100dvh-7rem)] lg:overflow-y-auto">
      {transcript}
    </div>
  );
}

interface TabsOf {
  conversation: Conversation;
  view: CallView;
  part: number;
  turn: number | null;
  setTurn: (turn: number | null) => void;
  showAt: (ms: number) => void;
}

function tabsOf({ conversation, view, part, turn, setTurn, showAt }: TabsOf): Tab[] {
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

function TabbedCard({ tabs }: { tabs: Tab[] }) {
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

function LiveLevels({ id, agentName }: { id: string; agentName: string }) {
  const levels = useRef<{ user: number; ai: number } | null>(null);
  useTopicEvents<{ kind: "levels"; user: number; ai: number }>(
    `call:${id}` satisfies CallTopic,
    (event) => {
      if (event.kind === "levels") levels.current = event;
    },
  );
  return (
    <Card>
      <Levels read={() => levels.current} active className="h-20 w-full" />
      <ul className="mt-2 flex gap-4 text-xs text-muted">
        <li className="flex items-center gap-1.5">
          <span aria-hidden className="size-2.5 rounded-sm bg-user" /> Caller
        </li>
        <li className="flex items-center gap-1.5">
          <span aria-hidden className="size-2.5 rounded-sm bg-agent" /> {agentName}
        </li>
      </ul>
    </Card>
  );
}

function Downloads({ conversation, view, part }: CallProps) {
  return (
    <>
      {conversation.recording && (
        <Button asChild size="sm">
          <a href={partPath(conversation.id, "audio", part)} download>
            <AudioLines aria-hidden className="size-4" />
            Recording
          </a>
        </Button>
      )}
      {view.hasJournal && (
        <Button asChild size="sm">
          <a href={partPath(conversation.id, "journal", part)} download>
            <FileDown aria-hidden className="size-4" />
            Journal
          </a>
        </Button>
      )}
    </>
  );
}

function Parts({ view, part }: { view: CallView; part: number | null }) {
  return (
    <Notice>
      <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
        This conversation went on in {view.parts.length} calls:
        {view.parts.map((each) => (
          <Link
            key={each.part}
            href={`?part=${each.part}`}
            aria-current={each.part === part ? "page" : undefined}
            className={each.part === part ? "font-semibold" : "text-accent underline"}
          >
            {each.part}. {moment(each.startedAt)}
          </Link>
        ))}
      </span>
    </Notice>
  );
}

function marksOf(view: CallView): Mark[] {
  const cut = view.turns.flatMap((turn): Mark[] => {
    const heard = turn.stages.find((stage) => stage.name === "heard");
    return turn.interrupted && heard
      ? [{ at: heard.end, kind: "interrupted", label: "The agent was interrupted" }]
      : [];
  });
  const done = view.actions.map(
    (action): Mark => ({ at: action.startedAt, kind: "action", label: action.name }),
  );
  return [...cut, ...done];
}
