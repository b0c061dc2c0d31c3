import { ChevronDown, Mic, MicOff, PhoneOff, RotateCcw, Volume2 } from "lucide-react";

import { Levels } from "@/conversation/Levels";
import { cx } from "@/lib/cx";
import { duration } from "@/lib/format";
import type { CallState } from "@/live/topics";
import { Button, Elapsed, IconButton, Menu, Notice, type MenuItem } from "@/ui";

import type { Talk, TalkActions } from "./useTalk";

export interface StageProps {
  talk: Talk;
  actions: TalkActions;
  levels: () => { user: number; ai: number } | null;
  /** What the live socket knows of the conversation. */
  call: CallState | undefined;
  /** Something was edited since the last conversation. */
  edited: boolean;
  disabled: boolean;
}

/** The controls of the conversation: begin, end, mute, the microphone, and how loud it is. */
export function Stage({ talk, actions, levels, call, edited, disabled }: StageProps) {
  const on = talk.phase === "live" || talk.phase === "reconnecting";
  const again = talk.phase === "ended";
  return (
    <section aria-label="Conversation" className="shrink-0 border-b border-line">
      <div className="flex items-center gap-3 px-3 py-3 sm:px-5 sm:py-4">
        {on ? (
          <Button
            kind="danger"
            size="lg"
            icon={<PhoneOff aria-hidden className="size-5" />}
            onClick={actions.end}
            className="px-4! sm:px-6!"
          >
            End
          </Button>
        ) : (
          <Button
            kind="primary"
            size="lg"
            busy={talk.phase === "starting"}
            disabled={disabled}
            icon={
              again ? (
                <RotateCcw aria-hidden className="size-5" />
              ) : (
                <Mic aria-hidden className="size-5" />
              )
            }
            onClick={() => actions.start({ silent: false })}
            className="px-4! sm:px-6!"
          >
            {talk.phase === "starting" ? "Connecting" : again ? "Talk again" : "Talk"}
          </Button>
        )}
        <div className="flex min-w-0 grow items-center gap-3">
          {on ? (
            <>
              <Levels read={levels} active className="h-12 min-w-0 grow" />
              <Doing talk={talk} phase={call?.call?.phase} />
            </>
          ) : (
            <p className="min-w-0 text-sm text-muted">{hint(talk, edited)}</p>
          )}
        </div>
        <div className="flex shrink-0 items-center">
          {on && !talk.silent && (
            <IconButton
              kind={talk.muted ? "danger" : "ghost"}
              label={talk.muted ? "Unmute" : "Mute"}
              aria-pressed={talk.muted}
              icon={talk.muted ? <MicOff className="size-4.5" /> : <Mic className="size-4.5" />}
              onClick={() => actions.mute(!talk.muted)}
            />
          )}
          {!(on && talk.silent) && (
            <Menu
              trigger={
                <IconButton
                  label="Microphone"
                  icon={
                    <span className="flex items-center text-muted">
                      {!on && <Mic className="size-4.5" />}
                      <ChevronDown className="size-3.5" />
                    </span>
                  }
                />
              }
              groups={microphoneItems(talk, actions)}
            />
          )}
        </div>
      </div>
      {talk.blocked && (
        <Notice
          level="warning"
          className="mx-3 mb-3 sm:mx-5"
          action={
            <Button
              size="sm"
              icon={<Volume2 className="size-4" />}
              onClick={actions.unblock}
            >
              Let it be heard
            </Button>
          }
        >
          The browser plays nothing before you click.
        </Notice>
      )}
      {talk.problem && (
        <Notice
          level="error"
          title={`${talk.problem.title}.`.replace(/\.\.$/, ".")}
          className="mx-3 mb-3 sm:mx-5"
          action={
            <Button size="sm" onClick={actions.dismissProblem}>
              Dismiss
            </Button>
          }
        >
          {talk.problem.fix}
        </Notice>
      )}
    </section>
  );
}

const PHASES: Record<string, string> = {
  waiting: "Ready",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  paused: "Waiting",
};

function Doing({ talk, phase }: { talk: Talk; phase: string | undefined }) {
  let text = PHASES[(phase ?? "").toLowerCase()] ?? "Listening";
  if (talk.speaking.ai) text = "Speaking";
  if (talk.speaking.user) text = "Hears you";
  if (talk.phase === "reconnecting") text = "Reconnecting";
  return (
    <div className="w-22 shrink-0 text-right text-sm">
      <p
        aria-live="off"
        className={cx(
          "font-medium",
          talk.speaking.user ? "text-user" : talk.speaking.ai ? "text-accent" : "text-muted",
        )}
      >
        {text}
      </p>
      <p className="text-xs text-muted">
        {talk.startedAt !== null && <Elapsed since={new Date(talk.startedAt).toISOString()} />}
      </p>
    </div>
  );
}

function hint(talk: Talk, edited: boolean): string {
  if (talk.phase === "starting") {
    return talk.silent ? "One moment." : "Allow the microphone if the browser asks.";
  }
  if (talk.phase === "ended") {
    const took = (talk.endedAt ?? 0) - (talk.startedAt ?? talk.endedAt ?? 0);
    return edited ? "Your changes are ready to be tried." : `Ended after ${duration(took)}.`;
  }
  return "Just speak, and interrupt whenever you like.";
}

function microphoneItems(talk: Talk, actions: TalkActions): MenuItem[][] {
  const named = talk.microphones.filter((each) => each.label && each.id !== "default");
  return [
    [
      {
        label: "The system's microphone",
        checked: talk.microphone === "",
        onSelect: () => actions.pickMicrophone(""),
      },
      ...named.map((each) => ({
        label: each.label,
        checked: talk.microphone === each.id,
        onSelect: () => actions.pickMicrophone(each.id),
      })),
    ],
    ...(named.length === 0
      ? [[{ label: "Others are listed once you have talked", disabled: true, onSelect: () => {} }]]
      : []),
  ];
}
