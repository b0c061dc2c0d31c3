import { SendHorizontal } from "lucide-react";
import { useState, type FormEvent } from "react";

import { IconButton, Input } from "@/ui";

import type { Talk, TalkActions } from "./useTalk";

export interface ComposerProps {
  talk: Talk;
  actions: TalkActions;
  disabled: boolean;
}

/** Writing in place of speaking; while nothing goes on, it begins a conversation. */
export function Composer({ talk, actions, disabled }: ComposerProps) {
  const [text, setText] = useState("");
  const on = talk.phase === "live" || talk.phase === "reconnecting";
  const send = (event: FormEvent) => {
    event.preventDefault();
    const said = text.trim();
    if (!said || talk.phase === "starting") return;
    setText("");
    if (on) actions.say(said);
    else actions.start({ silent: true, first: said });
  };
  return (
    <form onSubmit={send} className="flex shrink-0 gap-2 border-t border-line p-3 sm:px-5">
      <Input
        aria-label="Write something"
        placeholder={on ? "Write something" : "Or write, without a microphone"}
        autoComplete="off"
        maxLength={4000}
        disabled={disabled}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <IconButton
        type="submit"
        kind="secondary"
        label="Send"
        disabled={disabled || text.trim() === ""}
        icon={<SendHorizontal className="size-4.5" />}
      />
    </form>
  );
}
