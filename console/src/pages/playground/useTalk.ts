/** A conversation from this page, through the SDK: what React needs to know of it. */
import { PersonaClient, type MicrophoneInfo, type PersonaMessage } from "@sdk/api";
import { useCallback, useEffect, useRef, useState } from "react";

import { useStored } from "@/lib/useStored";

import { explain, type Explained } from "./explain";

export type TalkPhase = "idle" | "starting" | "live" | "reconnecting" | "ended";

export interface Talk {
  phase: TalkPhase;
  /** Of the present conversation, or the last one; "" before the first. */
  conversationId: string;
  /** Without a microphone: what is typed is all that is said. */
  silent: boolean;
  messages: PersonaMessage[];
  speaking: { user: boolean; ai: boolean };
  transport: string;
  /** Milliseconds since the epoch; null before the first conversation. */
  startedAt: number | null;
  endedAt: number | null;
  /** What went wrong, and what helps. */
  problem: Explained | null;
  muted: boolean;
  /** The browser lets nothing be heard until something is clicked. */
  blocked: boolean;
  microphones: MicrophoneInfo[];
  /** The id of the picked one; "" for the system's. */
  microphone: string;
}

export interface TalkActions {
  /** Begin anew; `first` is said in writing when it has begun. Call it in a click's handler. */
  start: (options: { silent: boolean; first?: string }) => void;
  end: () => void;
  mute: (muted: boolean) => void;
  say: (text: string) => void;
  pickMicrophone: (id: string) => void;
  unblock: () => void;
  dismissProblem: () => void;
}

const NOTHING: Omit<Talk, "microphone"> = {
  phase: "idle",
  conversationId: "",
  silent: false,
  messages: [],
  speaking: { user: false, ai: false },
  transport: "",
  startedAt: null,
  endedAt: null,
  problem: null,
  muted: false,
  blocked: false,
  microphones: [],
};

/** `token` gives a session token for what is to be talked to. */
export function useTalk(
  personaId: string,
  token: () => Promise<string>,
): [Talk, TalkActions, () => { user: number; ai: number } | null] {
  const [talk, setTalk] = useState(NOTHING);
  const [microphone, keepMicrophone] = useStored("microphone", "");
  const client = useRef<PersonaClient | null>(null);
  const change = useCallback(
    (part: Partial<Talk>) => setTalk((before) => ({ ...before, ...part })),
    [],
  );

  const drop = useCallback(() => {
    const old = client.current;
    client.current = null;
    void old?.end().catch(() => undefined);
  }, []);

  // Another persona, or the page is left.
  useEffect(() => {
    setTalk(NOTHING);
    addEventListener("pagehide", drop);
    return () => {
      removeEventListener("pagehide", drop);
      drop();
    };
  }, [personaId, drop]);

  const start = ({ silent, first = "" }: { silent: boolean; first?: string }) => {
    drop();
    const made = new PersonaClient("", {
      server: location.origin,
      token,
      microphone: silent ? false : microphone,
    });
    client.current = made;
    const mine = (part: Partial<Talk>) => client.current === made && change(part);
    const speaks = (who: "user" | "ai", speaking: boolean) =>
      client.current === made &&
      setTalk((before) => ({ ...before, speaking: { ...before.speaking, [who]: speaking } }));

    change({ ...NOTHING, phase: "starting", silent, microphones: talk.microphones });
    made.on("ready", ({ conversationId, resumed, transport }) =>
      mine({ conversationId, transport, ...(!resumed && { startedAt: Date.now() }) }),
    );
    made.on("messages_update", (messages) => mine({ messages }));
    made.on("user_speech_started", () => speaks("user", true));
    made.on("user_speech_ended", () => speaks("user", false));
    made.on("ai_speech_started", () => speaks("ai", true));
    made.on("ai_speech_ended", () => speaks("ai", false));
    made.on("reconnecting", () => mine({ phase: "reconnecting" }));
    made.on("reconnected", () => mine({ phase: "live", problem: null }));
    made.on("audio_blocked", () => mine({ blocked: true }));
    made.on("audio_unblocked", () => mine({ blocked: false }));
    made.on("microphones_changed", (microphones) => mine({ microphones }));
    made.on("microphone_changed", ({ microphone: now, reason }) => {
      if (reason === "lost") keepMicrophone(now.id);
    });
    made.on("error", (problem) => mine({ problem: explain(problem) }));
    made.on("disconnected", ({ problem }) =>
      mine({
        phase: "ended",
        endedAt: Date.now(),
        speaking: NOTHING.speaking,
        problem: problem && explain(problem),
      }),
    );

    made.init({ personaId }).then(
      () => {
        mine({ phase: "live" });
        if (first) void made.sendUserText(first).catch(() => undefined);
        if (silent) return;
        // Their names are known now that one is open.
        made.microphones().then(
          (microphones) => mine({ microphones }),
          () => undefined,
        );
      },
      (problem: unknown) => mine({ phase: "idle", problem: explain(problem) }),
    );
  };

  const actions: TalkActions = {
    start,
    end: () => void client.current?.end().catch(() => undefined),
    mute: (muted) => {
      client.current?.setMuted(muted);
      change({ muted });
    },
    say: (text) => {
      client.current?.sendUserText(text).catch((problem: unknown) => {
        change({ problem: explain(problem) });
      });
    },
    pickMicrophone: (id) => {
      keepMicrophone(id);
      client.current?.setMicrophone(id).catch((problem: unknown) => {
        change({ problem: explain(problem) });
      });
    },
    unblock: () => void client.current?.startAudio(),
    dismissProblem: () => change({ problem: null }),
  };

  const levels = () => {
    const now = client.current?.levels;
    return now ? { user: now.microphone, ai: now.agent } : null;
  };
  return [{ ...talk, microphone }, actions, levels];
}
