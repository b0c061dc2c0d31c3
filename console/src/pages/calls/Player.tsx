import { Pause, Play } from "lucide-react";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import type WaveSurfer from "wavesurfer.js";

import { Legend, LegendEntry } from "@/conversation/Legend";
import { duration } from "@/lib/format";
import { tokenColor, useIsDark } from "@/lib/theme";
import { Button, Notice, Select, Skeleton } from "@/ui";

import { usePlaying, type Playback } from "./playback";
import type { Waveform } from "./record";

export interface Mark {
  at: number;
  kind: "interrupted" | "action";
  label: string;
}

export interface PlayerProps {
  playback: Playback;
  /** Null where it cannot be drawn. */
  waveform: Waveform | null;
  /** Why not, as a sentence. */
  notDrawn?: string | undefined;
  agentName: string;
  marks: readonly Mark[];
}

const HEIGHT = 52;
const STEP_MS = 5000;
const RATES = [1, 1.25, 1.5, 2];

/** Both voices over time; a click plays from there. */
export default function Player({ playback, waveform, notDrawn, agentName, marks }: PlayerProps) {
  const playing = usePlaying(playback, (it) => it.playing, false);
  const seconds = usePlaying(playback, (it) => Math.floor(it.at / 1000), 0);
  const failed = usePlaying(playback, (it) => it.audio.error !== null, false);
  const known = usePlaying(playback, (it) => it.audio.duration, NaN);
  const [rate, setRate] = useState(1);
  const length = waveform?.durationMs ?? (Number.isFinite(known) ? known * 1000 : 0);

  const has = (kind: Mark["kind"]) => marks.some((mark) => mark.kind === kind);

  const onKeyDown = (event: KeyboardEvent) => {
    const to: Record<string, number> = {
      ArrowLeft: playback.at - STEP_MS,
      ArrowRight: playback.at + STEP_MS,
      Home: 0,
      End: length,
    };
    const target = to[event.key];
    if (target === undefined) return;
    event.preventDefault();
    playback.seek(target);
  };

  if (failed) {
    return <Notice level="error">The recording could not be loaded.</Notice>;
  }
  return (
    <div className="flex flex-col gap-3">
      <div
        role="slider"
        tabIndex={0}
        aria-label="Position in the recording"
        aria-valuemin={0}
        aria-valuemax={Math.round(length / 1000)}
        aria-valuenow={seconds}
        aria-valuetext={`${duration(seconds * 1000)} of ${duration(length)}`}
        onKeyDown={onKeyDown}
        className="rounded-md"
      >
        {waveform ? (
          <Waves playback={playback} waveform={waveform} />
        ) : (
          <Bar playback={playback} length={length} />
        )}
        <div aria-hidden className="relative mt-1 h-2">
          {length > 0 &&
            marks.map((mark, at) => (
              <span
                key={at}
                title={`${duration(mark.at)} ${mark.label}`}
                className={
                  mark.kind === "interrupted"
                    ? "absolute top-0 size-2 -translate-x-1/2 rounded-full bg-warn"
                    : "absolute top-0 size-2 -translate-x-1/2 rotate-45 bg-agent"
                }
                style={{ left: `${Math.min(100, (mark.at / length) * 100)}%` }}
              />
            ))}
        </div>
      </div>
      <div className="flex flex-wrap items-center gap-3">
        <Button
          kind="primary"
          icon={playing ? <Pause className="size-4" /> : <Play className="size-4" />}
          onClick={() => playback.toggle()}
          className="w-28"
        >
          {playing ? "Pause" : "Play"}
        </Button>
        <span className="tabular text-sm text-muted">
          {duration(seconds * 1000)} / {duration(length)}
        </span>
        <Select
          aria-label="Speed"
          className="ml-auto w-auto! text-sm"
          value={rate}
          onChange={(event) => {
            const next = Number(event.target.value);
            setRate(next);
            playback.audio.playbackRate = next;
          }}
        >
          {RATES.map((each) => (
            <option key={each} value={each}>
              {each}×
            </option>
          ))}
        </Select>
      </div>
      <Legend agentName={agentName}>
        {has("interrupted") && <LegendEntry mark="rounded-full bg-warn" label="Interrupted" />}
        {has("action") && <LegendEntry mark="rotate-45 scale-80 bg-agent" label="Action" />}
      </Legend>
      {notDrawn && <p className="text-xs text-muted">{notDrawn}</p>}
    </div>
  );
}

interface WavesProps {
  playback: Playback;
  waveform: Waveform;
}

function Waves({ playback, waveform }: WavesProps) {
  const box = useRef<HTMLDivElement>(null);
  const [drawn, setDrawn] = useState(false);
  const dark = useIsDark();
  useEffect(() => {
    const container = box.current;
    if (container === null) return;
    let waves: WaveSurfer | undefined;
    let gone = false;
    void import("wavesurfer.js").then(({ default: Surfer }) => {
      if (gone) return;
      const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
      const [user, agent, cursor] = ["user", "agent", "ink"].map(tokenColor) as [
        string,
        string,
        string,
      ];
      const under = tokenColor("surface");
      waves = Surfer.create({
        container,
        media: playback.audio,
        peaks: [waveform.channels.caller, waveform.channels.agent],
        duration: waveform.durationMs / 1000,
        splitChannels: [
          { waveColor: faded(user, under), progressColor: user },
          { waveColor: faded(agent, under), progressColor: agent },
        ],
        height: HEIGHT,
        normalize: true,
        maxPeak: Math.max(...waveform.channels.caller, ...waveform.channels.agent) || 1,
        barWidth: 2,
        barGap: 1,
        barRadius: 2,
        barMinHeight: 1,
        cursorColor: cursor,
        cursorWidth: 1,
        dragToSeek: true,
        ...(nonce && nonce !== "__NONCE__" ? { cspNonce: nonce } : {}),
      });
      // A click is meant to be heard.
      waves.on("click", () => playback.play());
      setDrawn(true);
    });
    return () => {
      gone = true;
      waves?.destroy();
      setDrawn(false);
    };
  }, [playback, waveform, dark]);
  return (
    <div className="relative cursor-pointer" style={{ height: 2 * HEIGHT }}>
      {!drawn && <Skeleton className="absolute inset-0" />}
      <div ref={box} />
    </div>
  );
}

/** The color as if thinly laid on `under`: opaque, as the played part is cut out of its shape. */
function faded(color: string, under: string): string {
  const [above, below] = [color, under].map((each) => each.match(/[\d.]+/g)?.map(Number) ?? []);
  const mixed = [0, 1, 2].map((at) => 0.42 * (above?.[at] ?? 0) + 0.58 * (below?.[at] ?? 0));
  return `rgb(${mixed.map(Math.round).join(", ")})`;
}

/** Where there is no picture of the recording. */
function Bar({ playback, length }: { playback: Playback; length: number }) {
  const at = usePlaying(playback, (it) => it.at, 0);
  return (
    <div
      className="flex h-8 cursor-pointer items-center"
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        playback.seek(((event.clientX - box.left) / box.width) * length);
        playback.play();
      }}
    >
      <div className="h-2 w-full overflow-hidden rounded-full bg-sunken">
        <div
          className="h-full bg-accent"
          style={{ width: length ? `${(at / length) * 100}%` : 0 }}
        />
      </div>
    </div>
  );
}
