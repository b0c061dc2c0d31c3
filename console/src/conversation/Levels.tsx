import { useEffect, useRef } from "react";

import { tokenColor, useIsDark } from "@/lib/theme";

export interface LevelsProps {
  /** 0..1 each, read on every frame; null while there is nothing. */
  read: () => { user: number; ai: number } | null;
  active: boolean;
  className?: string;
}

const BAR = 4;
const GAP = 2;
const EVERY_MS = 50;

/** How loud the two are, as a picture that moves: the caller above the line, the agent below. */
export function Levels({ read, active, className }: LevelsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(read);
  const dark = useIsDark();
  useEffect(() => {
    latest.current = read;
  });

  useEffect(() => {
    const it = canvas.current;
    const pen = it?.getContext("2d");
    if (!it || !pen) return;
    const [user, ai, line] = ["user", "agent", "line"].map(tokenColor) as [string, string, string];
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let past: { user: number; ai: number }[] = [];
    let next = { user: 0, ai: 0 };
    let pushedAt = 0;
    let frame = 0;

    const draw = (now: number) => {
      frame = requestAnimationFrame(draw);
      const level = latest.current();
      next.user = Math.max(next.user, level?.user ?? 0);
      next.ai = Math.max(next.ai, level?.ai ?? 0);
      if (now - pushedAt < EVERY_MS) return;
      pushedAt = now;
      const ratio = devicePixelRatio || 1;
      const { clientWidth: width, clientHeight: height } = it;
      if (it.width !== Math.round(width * ratio)) it.width = Math.round(width * ratio);
      if (it.height !== Math.round(height * ratio)) it.height = Math.round(height * ratio);
      const bars = Math.max(1, Math.floor(width / (BAR + GAP)));
      // Without motion: the same bar everywhere, only its height changes.
      past = still ? Array<typeof next>(bars).fill(next) : [...past, next].slice(-bars);
      next = { user: 0, ai: 0 };
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const middle = height / 2;
      const left = width - past.length * (BAR + GAP);
      pen.fillStyle = line;
      pen.fillRect(0, middle - 0.5, width, 1);
      past.forEach((each, at) => {
        const x = left + at * (BAR + GAP);
        const up = Math.sqrt(each.user) * (middle - 2);
        const down = Math.sqrt(each.ai) * (middle - 2);
        pen.fillStyle = user;
        if (up > 1) pen.fillRect(x, middle - 1 - up, BAR, up);
        pen.fillStyle = ai;
        if (down > 1) pen.fillRect(x, middle + 1, BAR, down);
      });
    };
    if (active) frame = requestAnimationFrame(draw);
    else pen.clearRect(0, 0, it.width, it.height);
    return () => cancelAnimationFrame(frame);
  }, [active, dark]);

  return <canvas ref={canvas} aria-hidden className={className} />;
}
