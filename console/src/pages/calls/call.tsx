import { ArrowLeft, AudioLines, FileDown } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useState } from "react";
import { Link, useParams, useSearchParams } from "wouter";

import { ApiError } from "@/api/problem";
import { moment } from "@/lib/format";
import { useShortcuts } from "@/lib/shortcuts";
import type { Said } from "@/live/types";
import { NotFound } from "@/shell/NotFound";
import { Badge, Button, Card, Elapsed, LoadError, Notice, Page, Skeleton, SkeletonLines } from "@/ui";

import { CallButtons } from "./Controls";
import { Facts } from "./Facts";
import { Outcome } from "./History";
import { LiveLevels } from "./LiveLevels";
import { Playback, usePlaying } from "./playback";
import type { Mark } from "./Player";
import { partPath } from "./record";
import { sectionsOf, TabbedCard } from "./Sections";
import { segmentAt, segmentsOf } from "./timeline";
import { useCall, type CallView } from "./useCall";
import { useWide } from "./useWide";
import { Words } from "./Words";
import { callerOf, liveCallerOf, phaseOf, type Conversation } from "./naming";

const Player = lazy(() => import("./Player"));

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
  const tabs = sectionsOf({ conversation, view, part, turn, setTurn, showAt });
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
          <CallButtons id={id} recording={live.recording} />
        ) : (
          <Downloads conversation={conversation} view={view} part={part} />
        )
      }
    >
      {view.parts.length > 1 && <Parts conversation={conversation} view={view} part={live ? null : part} />}
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
                notDrawn={view.notDrawn}
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

interface PartsProps {
  conversation: Conversation;
  view: CallView;
  /** Null: what goes on now is shown. */
  part: number | null;
}

function Parts({ conversation, view, part }: PartsProps) {
  const link = (href: string, here: boolean, text: string) => (
    <Link
      key={href}
      href={href}
      aria-current={here ? "page" : undefined}
      className={here ? "font-semibold" : "text-accent underline"}
    >
      {text}
    </Link>
  );
  return (
    <Notice>
      <span className="flex flex-wrap items-center gap-x-4 gap-y-1">
        This conversation went on in {view.parts.length} calls:
        {view.parts.map((each) =>
          link(
            `/calls/${conversation.id}?part=${each.part}`,
            each.part === part,
            `${each.part}. ${moment(each.startedAt)}`,
          ),
        )}
        {conversation.status === "live" &&
          link(`/calls/${conversation.id}`, part === null, "What goes on now")}
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
