import { Disc3, Mic, PhoneOff, Send } from "lucide-react";
import { useState } from "react";
import { useMutation } from "@tanstack/react-query";

import { api, told } from "@/api/client";
import type { LiveCall } from "@/live/types";
import { Button, Confirm, Input, Select, toast, toastError } from "@/ui";

const WAYS = {
  say: {
    label: "Say exactly",
    placeholder: "The agent says this, word for word",
    done: "The agent says it.",
  },
  react: {
    label: "Tell the agent",
    placeholder: "Such as: The taxi is there. The agent speaks of it",
    done: "The agent knows.",
  },
} as const;
type Way = keyof typeof WAYS;

/** Ends a live call, and pauses its recording. */
export function CallButtons({ id, recording }: { id: string; recording: LiveCall["recording"] }) {
  const [asking, setAsking] = useState(false);
  const paused = recording === "paused";
  const params = { path: { id } };
  const pause = useMutation({
    mutationFn: (next: boolean) =>
      told(api.PUT("/api/conversations/{id}/recording", { params, body: { paused: next } })),
    onSuccess: (_, next) =>
      toast(next ? "Silence is recorded from now on." : "The recording goes on."),
    onError: toastError,
  });
  return (
    <>
      {recording !== "off" && (
        <Button
          busy={pause.isPending}
          icon={paused ? <Mic className="size-4" /> : <Disc3 className="size-4" />}
          onClick={() => pause.mutate(!paused)}
        >
          {paused ? "Resume recording" : "Pause recording"}
        </Button>
      )}
      <Button kind="danger" icon={<PhoneOff className="size-4" />} onClick={() => setAsking(true)}>
        End call
      </Button>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title="End this call?"
        verb="End call"
        danger
        onConfirm={() => told(api.POST("/api/conversations/{id}/end", { params }))}
      >
        The agent finishes its sentence and hangs up.
      </Confirm>
    </>
  );
}

/** Speaks through the agent. */
export function Composer({ id }: { id: string }) {
  const [way, setWay] = useState<Way>("say");
  const [text, setText] = useState("");
  const send = useMutation({
    mutationFn: () => {
      const init = { params: { path: { id } }, body: { text: text.trim() } };
      return told<unknown>(
        way === "say"
          ? api.POST("/api/conversations/{id}/say", init)
          : api.POST("/api/conversations/{id}/react", init),
      );
    },
    onSuccess: () => {
      setText("");
      toast(WAYS[way].done);
    },
    onError: toastError,
  });
  return (
    <form
      className="flex flex-wrap gap-2 border-t border-line p-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) send.mutate();
      }}
    >
      <Select
        aria-label="How the agent gets it"
        value={way}
        onChange={(event) => setWay(event.target.value as Way)}
        className="w-auto! text-sm"
      >
        {Object.entries(WAYS).map(([each, { label }]) => (
          <option key={each} value={each}>
            {label}
          </option>
        ))}
      </Select>
      <Input
        aria-label="Words for the agent"
        placeholder={WAYS[way].placeholder}
        value={text}
        maxLength={5000}
        onChange={(event) => setText(event.target.value)}
        className="min-w-0 grow basis-48"
      />
      <Button
        type="submit"
        kind="primary"
        busy={send.isPending}
        disabled={!text.trim()}
        icon={<Send className="size-4" />}
      >
        Send
      </Button>
    </form>
  );
}
