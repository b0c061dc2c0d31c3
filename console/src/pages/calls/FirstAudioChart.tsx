import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { milliseconds } from "@/lib/format";
import { tokenColor, useIsDark } from "@/lib/theme";
import type { TurnView } from "@/live/types";

export interface FirstAudioChartProps {
  turns: readonly TurnView[];
  /** A turn's number, when its column is clicked. */
  onPick: (turn: number) => void;
}

const HEIGHT = 150;

/** How long each answer let the caller wait; the line is the median. */
export default function FirstAudioChart({ turns, onPick }: FirstAudioChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const dark = useIsDark();
  const pick = useRef(onPick);
  useEffect(() => {
    pick.current = onPick;
  });
  const measured = turns.filter((turn) => turn.firstAudioMs !== null);
  const shape = measured.map((turn) => `${turn.number}:${turn.firstAudioMs}`).join(" ");
  useEffect(() => {
    const container = box.current;
    if (container === null || measured.length === 0) return;
    const [bar, warn, ink, muted, line] = ["agent", "warn", "ink", "muted", "line"].map(
      tokenColor,
    ) as [string, string, string, string, string];
    const waits = measured.map((turn) => turn.firstAudioMs ?? 0);
    const middle = median(waits);
    const places = measured.map((_, at) => at);
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const each = Math.max(1, Math.ceil(measured.length / 12));
    const chart = new uPlot(
      {
        width: container.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { setScale: false } },
        scales: {
          x: { time: false, range: [-0.6, Math.max(3, measured.length) - 0.4] },
          y: { range: (_, __, high) => [0, Math.max(500, high * 1.15)] },
        },
        axes: [
          {
            font,
            stroke: muted,
            grid: { show: false },
            ticks: { show: false },
            size: 24,
            splits: () => places.filter((at) => at % each === 0),
            values: (_, splits) => splits.map((at) => String(measured[at]?.number ?? "")),
          },
          {
            font,
            stroke: muted,
            grid: { stroke: line, width: 1 },
            ticks: { show: false },
            size: 52,
            space: 36,
            values: (_, splits) => splits.map((ms) => milliseconds(ms)),
          },
        ],
        series: [
          {},
          {
            paths: uPlot.paths.bars?.({
              size: [0.62, 34],
              radius: 0.15,
              disp: {
                fill: {
                  unit: 3,
                  values: () => waits.map((ms) => (ms > 2 * middle ? warn : bar)),
                },
              },
            }),
            fill: bar,
            points: { show: false },
          },
        ],
        hooks: {
          draw: [
            (plot) => {
              const y = plot.valToPos(middle, "y", true);
              const { ctx, bbox } = plot;
              ctx.save();
              ctx.strokeStyle = ink;
              ctx.lineWidth = devicePixelRatio;
              ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
              ctx.beginPath();
              ctx.moveTo(bbox.left, y);
              ctx.lineTo(bbox.left + bbox.width, y);
              ctx.stroke();
              ctx.restore();
            },
          ],
        },
      },
      [places, waits],
      container,
    );
    chart.over.style.cursor = "pointer";
    chart.over.addEventListener("click", () => {
      const turn = measured[chart.cursor.idx ?? -1];
      if (turn) pick.current(turn.number);
    });
    const watching = new ResizeObserver(() => {
      chart.setSize({ width: container.clientWidth, height: HEIGHT });
    });
    watching.observe(container);
    return () => {
      watching.disconnect();
      chart.destroy();
    };
    // `shape` stands for what is drawn of the turns.
  }, [shape, dark]);
  if (measured.length === 0) return null;
  return (
    <figure className="px-4 pt-4 sm:px-5">
      <figcaption className="mb-1 text-sm font-medium">First audio per turn</figcaption>
      <div ref={box} aria-hidden className="min-w-0" style={{ height: HEIGHT }} />
      <p className="text-xs text-muted">
        The dashed line is the median. A click on a column shows the turn below.
      </p>
    </figure>
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? 0;
  return sorted.length % 2 ? upper : ((sorted[half - 1] ?? upper) + upper) / 2;
}
