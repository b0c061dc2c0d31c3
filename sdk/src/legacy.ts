/**
 * The events of earlier clients, made from today's. Pure: docs/sdk.md lists which there are.
 *
 * `json` carried whatever there was, as `{detail: {…}}`: the words that are being said, each
 * finished message, each action.
 */

import type { LegacyEvents, PersonaMessage } from "./types";

export type LegacyEvent = {
  [Name in keyof LegacyEvents]: { event: Name; value: LegacyEvents[Name] };
}[keyof LegacyEvents];

export class Legacy {
  #told = new Set<string>();
  #interim = "";
  #speaking = false;
  #messages: readonly PersonaMessage[] = [];

  /** Another conversation. */
  begin(): void {
    this.#told.clear();
    this.#interim = "";
    this.#speaking = false;
    this.#messages = [];
  }

  action(action: Record<string, unknown>): LegacyEvent[] {
    return [json(action)];
  }

  limit(message: string): LegacyEvent[] {
    return [json({ message_limit_reached: message })];
  }

  aiSpeech(speaking: boolean): LegacyEvent[] {
    this.#speaking = speaking;
    if (speaking) return [];
    return [
      { event: "ai_speech_stopped", value: undefined },
      { event: "reply_end", value: undefined },
      ...this.#finished(false),
    ];
  }

  messages(messages: readonly PersonaMessage[]): LegacyEvent[] {
    this.#messages = messages.filter((each) => each.type === "message");
    const interim = messages.find((each) => each.type === "temporary_message")?.content ?? "";
    const events = this.#finished(true);
    if (interim && interim !== this.#interim) events.unshift(json({ transcription: interim }));
    this.#interim = interim;
    return events;
  }

  /**
   * Messages that will not change any more and were not told yet. The agent's last one is finished
   * when it was heard as a whole, or when the agent is silent and `settled` says that what was heard
   * of it is known.
   */
  #finished(settled: boolean): LegacyEvent[] {
    const events: LegacyEvent[] = [];
    for (const [at, each] of this.#messages.entries()) {
      if (this.#told.has(each.messageId) || !each.content) continue;
      const last = at === this.#messages.length - 1;
      const whole = each.content === each.intended;
      const silent = !this.#speaking && (settled || whole);
      if (each.source === "ai" && last && !silent) continue;
      this.#told.add(each.messageId);
      const name = each.source === "ai" ? "persona_message" : "user_message";
      events.push(json({ [name]: each.content }));
    }
    return events;
  }
}

function json(detail: Record<string, unknown>): LegacyEvent {
  return { event: "json", value: { detail } };
}
