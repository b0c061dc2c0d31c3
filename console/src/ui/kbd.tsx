const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);

function named(key: string): string {
  const part = (name: string) =>
    ({ mod: MAC ? "⌘" : "Ctrl", Enter: "↵", Escape: "Esc", " ": "Space" })[name] ??
    (name.length === 1 ? name.toUpperCase() : name);
  return key === " " ? "Space" : key.split("+").map(part).join(MAC ? "" : "+");
}

/** Keys as on the keyboard: `mod+s`, or `g p` for two in turn. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-1">
      {(keys === " " ? [" "] : keys.split(" ")).map((key, at) => (
        <kbd
          key={at}
          className="min-w-6 rounded-sm border border-line-strong/50 border-b-2 bg-surface px-1.5 text-center font-sans text-xs text-muted"
        >
          {named(key)}
        </kbd>
      ))}
    </span>
  );
}
