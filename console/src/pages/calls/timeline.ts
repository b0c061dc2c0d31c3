/** Where in a call each contribution is heard, as a pure function of its record. */
import type { Said, TurnView } from "@/live/types";

import type { Waveform } from "./record";

/** A contribution with its place in the audio. */
export interface Segment {
  messageId: string;
  /** Milliseconds since the call began. */
  start: number;
  end: number;
  /** Of the agent: the turn that it is; of the caller: the turn that answers it. */
  turn: number | null;
}

/** A pause inside a contribution is not longer. */
const PAUSE_MS = 900;
const QUIET = 0.04;
const MS_PER_LETTER = 65;

/** Of each contribution, in their order. Of withdrawn ones only the time is known. */
export function segmentsOf(
  messages: readonly Said[],
  turns: readonly TurnView[],
  waveform: Waveform | null | undefined,
): Segment[] {
  const segments: Segment[] = [];
  const free = new Set(turns);
  messages.forEach((said, place) => {
    const at = said.at ?? 0;
    const messageId = String(said.messageId);
    if (said.source === "ai") {
      const turn = said.withdrawn ? undefined : turnOf(said, free);
      if (turn) free.delete(turn);
      const start = turn?.firstAudio ?? at;
      const heard = turn?.stages.find((stage) => stage.name === "heard");
      const end = heard?.end ?? start + said.content.length * MS_PER_LETTER;
      segments.push({ messageId, start, end, turn: turn?.number ?? null });
      return;
    }
    const answer = messages.slice(place + 1).find((each) => each.source === "ai");
    const turn = answer && !said.withdrawn ? turnOf(answer, free) : undefined;
    const end = Math.min(turn?.speechEnded ?? at, at);
    const guess = Math.max(0, end - said.content.length * MS_PER_LETTER);
    // What was taken back, or not answered, is in no turn: then it is looked for.
    const known = turn?.speechBegan;
    const start = known != null && known < end ? known : waveform ? began(waveform, end, guess) : guess;
    segments.push({ messageId, start, end, turn: turn?.number ?? null });
  });
  return segments;
}

/** The contribution that is heard at `ms`, or was heard last. */
export function segmentAt(segments: readonly Segment[], ms: number): Segment | null {
  let found: Segment | null = null;
  for (const segment of segments) {
    if (segment.start <= ms + 60 && (found === null || segment.start >= found.start)) found = segment;
  }
  return found;
}

function turnOf(said: Said, turns: Iterable<TurnView>): TurnView | undefined {
  const at = said.at ?? 0;
  const text = bare(said.intended || said.content);
  let best: TurnView | undefined;
  let away = Infinity;
  for (const turn of turns) {
    const spoken = bare(turn.agentText || turn.heardText);
    if (!spoken || !(text.startsWith(spoken) || spoken.startsWith(text))) continue;
    const distance = Math.abs((turn.firstAudio ?? at) - at);
    if (distance < away) [best, away] = [turn, distance];
  }
  return best;
}

function bare(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
}

/** When the caller's speech that ends at `end` began: back to the last longer silence. */
function began(waveform: Waveform, end: number, guess: number): number {
  const loud = waveform.channels.caller;
  const bucket = waveform.durationMs / Math.max(1, loud.length);
  if (!(bucket > 0)) return guess;
  let voiced: number | null = null;
  for (let at = Math.min(loud.length - 1, Math.floor(end / bucket)); at >= 0; at--) {
    if ((loud[at] ?? 0) > QUIET) voiced = at;
    else if (voiced === null ? end - at * bucket > 2 * PAUSE_MS : (voiced - at) * bucket > PAUSE_MS)
      break;
  }
  return voiced === null ? guess : voiced * bucket;
}
