import { duration } from "@/lib/format";

export interface StateViewProps {
  state: Readonly<Record<string, unknown>>;
  /** How it became so. */
  states?: readonly { at: number; state: Record<string, unknown> }[];
}

/** What the conversation knows, and when it changed. */
export function StateView({ state, states = [] }: StateViewProps) {
  const entries = Object.entries(state);
  const changes = changesOf(states);
  return (
    <div className="flex flex-col gap-5 px-4 py-4 sm:px-5">
      <dl className="flex flex-col gap-2.5">
        {entries.map(([key, value]) => (
          <div key={key} className="rounded-md bg-sunken px-3 py-2">
            <dt className="font-mono text-xs text-muted">{key}</dt>
            <dd className="font-mono text-sm break-words whitespace-pre-wrap">{shown(value)}</dd>
          </div>
        ))}
      </dl>
      {changes.length > 0 && (
        <div>
          <p className="mb-2 text-xs font-medium text-muted">Changes</p>
          <ol className="flex flex-col gap-1.5 text-sm">
            {changes.toReversed().map((change, number) => (
              <li key={number} className="flex gap-3">
                <time className="w-10 shrink-0 text-right text-xs leading-5 text-muted">
                  {duration(change.at)}
                </time>
                <span className="min-w-0 font-mono text-xs leading-5 break-words">
                  {change.key} ={" "}
                  {change.value === undefined ? (
                    <span className="text-muted">removed</span>
                  ) : (
                    shown(change.value)
                  )}
                </span>
              </li>
            ))}
          </ol>
        </div>
      )}
    </div>
  );
}

interface Change {
  at: number;
  key: string;
  value: unknown;
}

/** What became different, key by key. */
export function changesOf(
  states: readonly { at: number; state: Record<string, unknown> }[],
): Change[] {
  const changes: Change[] = [];
  let before: Record<string, unknown> = {};
  for (const { at, state } of states) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(state)])) {
      if (JSON.stringify(before[key]) !== JSON.stringify(state[key])) {
        changes.push({ at, key, value: state[key] });
      }
    }
    before = state;
  }
  return changes;
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}
