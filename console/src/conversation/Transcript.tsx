import { ArrowDown, Bot, User } from "lucide-react";
import { useLayoutEffect, useRef, useState, type ReactNode } from "react";

import { cx } from "@/lib/cx";
import { duration } from "@/lib/format";
import type { Said } from "@/live/types";

import { unheard } from "./unheard";

export interface TranscriptProps {
  messages: readonly Said[];
  /** The words that the caller is saying. */
  interim?: string;
  /** The call goes on: what the agent has not said yet is still to come, not cut off. */
  live?: boolean;
  agentName?: string;
  userName?: string;
  /** Shown while nothing was said. */
  empty?: ReactNode;
  /** Makes each contribution a button, such as to play from there. */
  onPick?: (said: Said) => void;
  /** The `messageId` of the one that is being played. */
  current?: string;
  /** Show what was taken back, marked as such. */
  withdrawn?: boolean;
  /** What happened between the contributions, such as actions. */
  between?: readonly Between[];
  /** Something small behind the name, such as how long the answer took. */
  beside?: (said: Said) => ReactNode;
  /** Its own scroll area that follows what is new; otherwise it is as long as it is. */
  follow?: boolean;
  className?: string;
}

/** Something in a transcript that nobody said. */
export interface Between {
  key: string;
  /** Milliseconds since the call began. */
  at: number;
  content: ReactNode;
}

/** Who said what. Of the agent: what was heard; the rest is struck through where it was cut. */
export function Transcript({
  messages,
  interim = "",
  live = false,
  agentName = "Agent",
  userName = "You",
  empty,
  onPick,
  current,
  withdrawn = false,
  between = [],
  beside,
  follow = false,
  className,
}: TranscriptProps) {
  const shown = messages.filter((each) => withdrawn || !each.withdrawn);
  const last = shown.at(-1);
  const scroll = useFollow(follow, messages, interim, between.length);
  const nothing = shown.length === 0 && between.length === 0 && !interim;
  return (
    <div className={cx("relative min-h-0", className)}>
      <div
        ref={scroll.box}
        onScroll={scroll.onScroll}
        className={cx(follow && "h-full overflow-y-auto")}
        {...(follow ? { role: "log", "aria-label": "Transcript", tabIndex: 0 } : {})}
      >
        {nothing && empty}
        <ol className={cx("flex flex-col gap-5", !nothing && "px-4 py-5 sm:px-6")}>
          {inOrder(shown, between).map((row) =>
            "content" in row && "key" in row ? (
              <li key={row.key}>{row.content}</li>
            ) : (
              <Contribution
                key={row.messageId}
                said={row}
                name={row.source === "ai" ? agentName : userName}
                pending={live && row === last && !row.interrupted}
                current={String(row.messageId) === current}
                beside={beside?.(row)}
                onPick={onPick}
              />
            ),
          )}
          {interim && (
            <li className="flex gap-3">
              <Face who="user" />
              <div className="min-w-0 grow">
                <Byline who="user" name={userName} />
                <p className="text-muted italic">{interim}…</p>
              </div>
            </li>
          )}
        </ol>
      </div>
      {scroll.behind && (
        <button
          type="button"
          onClick={scroll.toEnd}
          className="absolute bottom-3 left-1/2 flex -translate-x-1/2 items-center gap-1.5 rounded-full border border-line bg-raised px-3 py-1.5 text-xs font-medium shadow-lg"
        >
          <ArrowDown aria-hidden className="size-3.5" />
          Latest
        </button>
      )}
    </div>
  );
}

/** The contributions, and before each what happened until then. */
function inOrder(said: readonly Said[], between: readonly Between[]): (Said | Between)[] {
  const rows: (Said | Between)[] = [];
  const waiting = between.toSorted((a, b) => b.at - a.at);
  for (const each of said) {
    while (waiting.length > 0 && (waiting.at(-1)?.at ?? 0) < (each.at ?? 0)) {
      rows.push(waiting.pop() as Between);
    }
    rows.push(each);
  }
  return [...rows, ...waiting.reverse()];
}

interface ContributionProps {
  said: Said;
  name: string;
  pending: boolean;
  current: boolean;
  beside?: ReactNode;
  onPick?: ((said: Said) => void) | undefined;
}

function Contribution({
  said,
  name,
  pending,
  current,
  beside,
  onPick,
}: ContributionProps) {
  const who = said.source;
  const rest = who === "ai" ? unheard(said) : "";
  const text = (
    <>
      {said.withdrawn ? <span className="text-muted">{said.content}</span> : said.content}
      {rest &&
        (pending ? (
          <span data-pending className="text-muted">
            {" "}
            {rest}
          </span>
        ) : (
          <>
            {said.content && " "}
            <s className="text-muted decoration-danger/70" title="This was not heard">
              <span className="sr-only">(not heard: </span>
              {rest}
              <span className="sr-only">)</span>
            </s>
          </>
        ))}
    </>
  );
  return (
    <li className="flex gap-3">
      <Face who={who} />
      <div className="min-w-0 grow">
        <Byline
          who={who}
          name={name}
          at={said.at}
          cut={Boolean(rest) && !pending && !said.withdrawn}
          withdrawn={said.withdrawn}
          beside={beside}
        />
        {onPick ? (
          <button
            type="button"
            onClick={() => onPick(said)}
            aria-current={current || undefined}
            className={cx(
              "-mx-2 rounded-md px-2 py-0.5 text-left hover:bg-hover",
              current && "bg-accent-soft",
            )}
          >
            {text}
          </button>
        ) : (
          <p>{text}</p>
        )}
      </div>
    </li>
  );
}

function Face({ who }: { who: "user" | "ai" }) {
  const Icon = who === "ai" ? Bot : User;
  return (
    <span
      aria-hidden
      className={cx(
        "mt-0.5 flex size-8 shrink-0 items-center justify-center rounded-full",
        who === "ai" ? "bg-accent-soft text-accent" : "bg-user-soft text-user",
      )}
    >
      <Icon className="size-4.5" />
    </span>
  );
}

interface BylineProps {
  who: "user" | "ai";
  name: string;
  at?: number | undefined;
  cut?: boolean;
  withdrawn?: boolean | undefined;
  beside?: ReactNode;
}

function Byline({ who, name, at, cut, withdrawn, beside }: BylineProps) {
  return (
    <p className="flex flex-wrap items-baseline gap-x-2 text-xs text-muted">
      <span className={cx("font-semibold", who === "ai" ? "text-accent" : "text-user")}>{name}</span>
      {at !== undefined && <time>{duration(at)}</time>}
      {beside}
      {cut && <span className="text-danger">interrupted</span>}
      {withdrawn && <span title="The caller went on speaking: it counts as not said">taken back</span>}
    </p>
  );
}

/** Stays at the end while it is there, and says when there is something new below. */
function useFollow(follow: boolean, ...what: unknown[]) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [behind, setBehind] = useState(false);
  const toEnd = () => {
    box.current?.scrollTo({ top: box.current.scrollHeight });
    atEnd.current = true;
    setBehind(false);
  };
  useLayoutEffect(() => {
    const it = box.current;
    if (!follow || it === null) return;
    if (atEnd.current) it.scrollTop = it.scrollHeight;
    else setBehind(true);
  }, [follow, ...what]);
  const onScroll = () => {
    const it = box.current;
    if (!follow || it === null) return;
    atEnd.current = it.scrollHeight - it.scrollTop - it.clientHeight < 40;
    if (atEnd.current) setBehind(false);
  };
  return { box, onScroll, behind: follow && behind, toEnd };
}
