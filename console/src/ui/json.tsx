import { cx } from "@/lib/cx";

/** A value as JSON, to be read. */
export function Json({ value, className }: { value: unknown; className?: string }) {
  const text = typeof value === "string" ? pretty(value) : JSON.stringify(value, null, 2);
  return (
    <pre
      tabIndex={0}
      className={cx(
        "max-h-72 overflow-auto rounded-md bg-sunken px-3 py-2 font-mono text-xs break-words whitespace-pre-wrap",
        className,
      )}
    >
      {text}
    </pre>
  );
}

/** JSON in a text is indented; anything else stays as it is. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
