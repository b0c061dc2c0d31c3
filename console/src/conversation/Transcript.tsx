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
  /** The agent speaks now: what it has not said yet is still to come, not cut off. */
  speaking?: boolean;
  agentName?: string;
  userName?: string;
  /** Shown while nothing was said. */
  empty?: ReactNode;
  /** Makes each contribution a button, such as to play from there. */
  onPick?: (said: Said) => void;
  /** The `messageId` of the one that is being played. */
  current?: string;
  /** Its own scroll area that follows what is new; otherwise it is as long as it is. */
  follow?: boolean;
  className?: string;
}

/** Who said what. Of the agent: what was heard; the rest is struck through where it was cut. */
export function Transcript({
  messages,
  interim = "",
  speaking = false,
  agentName = "Agent",
  userName = "You",
  empty,
  onPick,
  current,
  follow = false,
  className,
}: TranscriptProps) {
  const shown = messages.filter((each) => !each.withdrawn);
  const last = shown.at(-1);
  const scroll = useFollow(follow, messages, interim);
  const nothing = shown.length === 0 && !interim;
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
          {shown.map((said) => (
            <Contribution
              key={said.messageId}
              said={said}
              name={said.source === "ai" ? agentName : userName}
              pending={speaking && said === last && !said.interrupted}
              current={String(said.messageId) === current}
              onPick={onPick}
            />
          ))}
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

interface ContributionProps {
  said: Said;
  name: string;
  pending: boolean;
  current: boolean;
  onPick?: ((said: Said) => void) | undefined;
}

function Contribution({ said, name, pending, current, onPick }: ContributionProps) {
  const who = said.source;
  const rest = who === "ai" ? unheard(said) : "";
  const text = (
    <>
      {said.content}
      {rest &&
        (pending ? (
          <span className="text-muted"> {rest}</span>
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
          cut={Boolean(rest) && !pending}
        />
        {onPick ? (
          <button
            type="button"
            onClick={() => onPick(said)}
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
}

function Byline({ who, name, at, cut }: BylineProps) {
  return (
    <p className="flex items-baseline gap-2 text-xs text-muted">
      <span className={cx("font-semibold", who === "ai" ? "text-accent" : "text-user")}>{name}</span>
      {at !== undefined && <time>{duration(at)}</time>}
      {cut && <span className="text-danger">interrupted</span>}
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
