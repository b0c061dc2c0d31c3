/** The recording that is being played: one audio element, shared by all that shows where it is. */
import { useSyncExternalStore } from "react";

export class Playback {
  readonly audio = new Audio();
  /** It was played or moved: there is a place in it. */
  begun = false;
  private readonly observers = new Set<() => void>();

  constructor(url: string) {
    this.audio.preload = "metadata";
    this.audio.src = url;
    for (const event of ["play", "seeking"]) {
      this.audio.addEventListener(event, () => (this.begun = true));
    }
    const tell = () => this.observers.forEach((observer) => observer());
    for (const event of [
      "timeupdate",
      "seeking",
      "play",
      "pause",
      "ended",
      "durationchange",
      "ratechange",
      "error",
    ]) {
      this.audio.addEventListener(event, tell);
    }
  }

  /** Milliseconds since the call began. */
  get at(): number {
    return this.audio.currentTime * 1000;
  }

  get playing(): boolean {
    return !this.audio.paused && !this.audio.ended;
  }

  seek(ms: number): void {
    const end = Number.isFinite(this.audio.duration) ? this.audio.duration : Infinity;
    this.audio.currentTime = Math.max(0, Math.min(ms / 1000, end));
  }

  play(): void {
    // Refused without a click of the user: then there is still the button.
    this.audio.play().catch(() => undefined);
  }

  toggle(): void {
    if (this.playing) this.audio.pause();
    else this.play();
  }

  close(): void {
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  readonly subscribe = (observer: () => void): (() => void) => {
    this.observers.add(observer);
    return () => this.observers.delete(observer);
  };
}

const nothing = () => () => undefined;

/** Something of the playback, kept up to date; `none` where there is no recording. */
export function usePlaying<T>(
  playback: Playback | null,
  select: (playback: Playback) => T,
  none: T,
): T {
  return useSyncExternalStore(playback?.subscribe ?? nothing, () =>
    playback === null ? none : select(playback),
  );
}
