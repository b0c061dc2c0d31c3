/**
 * The connection of one conversation: when it is made anew, and when not. Pure: it is told what has
 * happened, and answers with what is to be done.
 *
 *     idle ──begin──► connecting ──ready──► live ──lost──► reconnecting ──ready──► live
 *                         │                  │                  │
 *                         └─ refused ─► over ◄── end, refused, too late
 *
 * The first connection is not tried twice: whoever asked for it is told, and may ask again. A lost
 * one is made again, at once and then ever later, for as long as `patienceMs`, while the browser says
 * that there is a network; time without one counts as well.
 */

import { backoff } from "./backoff";
import { PersonaError } from "./errors";
import { passes } from "./problems";

export type Phase = "idle" | "connecting" | "live" | "reconnecting" | "over";

export type Order =
  /** Connect now; `attempt` is 0 for the first connection. */
  | { do: "connect"; attempt: number }
  /** Call `due` after so many milliseconds. */
  | { do: "wait"; ms: number }
  /** The conversation goes on again after a loss. */
  | { do: "reconnected" }
  /** Tell that the connection is gone and that it is being made again. */
  | { do: "reconnecting"; attempt: number; ms: number }
  /** It is over; `problem` is null if that was wanted. */
  | { do: "finish"; problem: PersonaError | null };

export class Connection {
  phase: Phase = "idle";
  #attempt = 0;
  #lostAt = 0;
  #waiting = false;
  #online = true;
  readonly #patienceMs: number;
  readonly #random: () => number;

  constructor(patienceMs: number, random: () => number = Math.random) {
    this.#patienceMs = patienceMs;
    this.#random = random;
  }

  begin(): Order[] {
    this.phase = "connecting";
    return [{ do: "connect", attempt: 0 }];
  }

  ready(): Order[] {
    const again = this.phase === "reconnecting";
    this.phase = "live";
    this.#attempt = 0;
    this.#waiting = false;
    return again ? [{ do: "reconnected" }] : [];
  }

  /** The connection is gone, or could not be made. */
  lost(problem: PersonaError, now: number): Order[] {
    if (this.phase === "idle" || this.phase === "over") return [];
    if (this.phase === "connecting" || !passes(problem)) return this.#finish(problem);
    if (this.phase === "live") {
      this.phase = "reconnecting";
      this.#lostAt = now;
      this.#attempt = 0;
    }
    if (now - this.#lostAt >= this.#patienceMs) return this.#finish(problem);
    const ms = backoff(this.#attempt, this.#random());
    this.#attempt += 1;
    this.#waiting = true;
    return [
      { do: "reconnecting", attempt: this.#attempt, ms },
      { do: "wait", ms },
    ];
  }

  /** The time to wait is over. */
  due(now: number): Order[] {
    if (this.phase !== "reconnecting" || !this.#waiting) return [];
    if (!this.#online) {
      if (now - this.#lostAt < this.#patienceMs) return [{ do: "wait", ms: 1000 }];
      return this.#finish(new PersonaError("disconnected", "There is no network."));
    }
    this.#waiting = false;
    return [{ do: "connect", attempt: this.#attempt }];
  }

  /** The browser says that there is a network, or none. */
  network(online: boolean, now: number): Order[] {
    this.#online = online;
    return online ? this.due(now) : [];
  }

  /** The conversation has come to its end, by either side's wish. */
  end(): Order[] {
    return this.phase === "idle" || this.phase === "over" ? [] : this.#finish(null);
  }

  #finish(problem: PersonaError | null): Order[] {
    this.phase = "over";
    this.#waiting = false;
    return [{ do: "finish", problem }];
  }
}
