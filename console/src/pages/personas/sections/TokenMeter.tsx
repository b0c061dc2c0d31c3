import type { Meter } from "../editing/document";

const LEVELS = {
  green: { color: "bg-ok", text: "text-ok", says: "Short: it costs no noticeable time." },
  yellow: { color: "bg-warn", text: "text-warn", says: "Each answer begins somewhat later." },
  orange: {
    color: "bg-(--stage-tts)",
    text: "text-(--stage-tts)",
    says: "Long: each answer begins later. Move what is needed now and then into scenarios.",
  },
  red: {
    color: "bg-danger",
    text: "text-danger",
    says: "Too long: every answer is late. Move what is needed now and then into scenarios.",
  },
};
/** Where the colors change, and the end of the scale. */
const BOUNDS = [1000, 3000, 4000, 5000] as const;

/** How long the prompt is on a turn, as the server estimates it. */
export function TokenMeter({ meter }: { meter: Meter | undefined }) {
  if (meter === undefined) return null;
  const { color, text, says } = LEVELS[meter.level];
  const end = BOUNDS[3];
  return (
    <div className="flex flex-col gap-1.5">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 text-sm">
        <span>
          <span className={`font-medium tabular ${text}`}>
            About {meter.tokens.toLocaleString()} tokens
          </span>
          <span className="text-muted"> on a turn, with actions and five scenarios</span>
        </span>
        <span className="text-muted">{says}</span>
      </div>
      <div
        role="meter"
        aria-label="Length of the prompt in tokens"
        aria-valuenow={Math.min(meter.tokens, end)}
        aria-valuemin={0}
        aria-valuemax={end}
        aria-valuetext={`About ${meter.tokens} tokens, ${meter.level}`}
        className="relative h-1.5 overflow-hidden rounded-full bg-line"
      >
        <div
          className={`h-full rounded-full ${color}`}
          style={{ width: `${Math.min(100, (meter.tokens / end) * 100)}%` }}
        />
        {BOUNDS.slice(0, 3).map((bound) => (
          <span
            key={bound}
            aria-hidden
            className="absolute inset-y-0 w-0.5 bg-surface"
            style={{ left: `${(bound / end) * 100}%` }}
          />
        ))}
      </div>
    </div>
  );
}
