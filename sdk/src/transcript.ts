/** The whole conversation, put together from what the server tells of its changes. */

import type { Said } from "./messages";
import type { PersonaMessage } from "./types";

export class Transcript {
  #said = new Map<string, Said>();
  #interim = "";

  update(changed: readonly Said[], interim: string): void {
    for (const each of changed) this.#said.set(each.messageId, each);
    this.#interim = interim;
  }

  clear(): void {
    this.#said.clear();
    this.#interim = "";
  }

  /** In the order in which it was said; `interim` adds the words that are being said. */
  messages(interim: boolean): PersonaMessage[] {
    const said = [...this.#said.values()].filter((each) => !each.withdrawn);
    said.sort((one, other) => Number(one.messageId) - Number(other.messageId));
    const messages = said.map((each): PersonaMessage => {
      const { source, messageId, content, intended } = each;
      const message = { source, type: "message" as const, messageId, content };
      return intended ? { ...message, intended } : message;
    });
    if (interim && this.#interim) {
      messages.push({
        source: "user",
        type: "temporary_message",
        messageId: "interim",
        content: this.#interim,
      });
    }
    return messages;
  }
}
