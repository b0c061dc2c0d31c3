import { cx } from "@/lib/cx";

import { excerpt, type Change } from "../editing/changes";

const SIGN = { added: "+", removed: "−", same: "" };
const LOOKS = {
  added: "bg-ok-soft text-ok",
  removed: "bg-danger-soft text-danger",
  same: "text-muted",
};
const READ = { added: "Added: ", removed: "Removed: ", same: "" };

/** What changes, field by field. */
export function DiffView({ changes }: { changes: readonly Change[] }) {
  return (
    <div className="flex flex-col gap-4">
      {changes.map(({ field, label, lines }) => {
        const added = lines.filter((each) => each.kind === "added").length;
        const removed = lines.filter((each) => each.kind === "removed").length;
        return (
          <section key={field} aria-label={label} className="flex flex-col gap-1.5">
            <h3 className="flex items-baseline gap-3 text-sm font-semibold">
              {label}
              <span className="tabular text-xs font-normal text-muted">
                {[added && `${added} added`, removed && `${removed} removed`]
                  .filter(Boolean)
                  .join(", ")}
              </span>
            </h3>
            <div
              tabIndex={0}
              role="group"
              aria-label={`Lines of ${label}`}
              className="max-h-80 overflow-auto rounded-md border border-line py-1 font-mono text-xs"
            >
              {excerpt(lines).map((line, at) =>
                line === null ? (
                  <div key={at} className="px-3 py-0.5 text-muted">
                    ⋯
                  </div>
                ) : (
                  <div
                    key={at}
                    className={cx("flex gap-2 px-3 py-px whitespace-pre-wrap", LOOKS[line.kind])}
                  >
                    <span aria-hidden className="w-3 shrink-0 select-none">
                      {SIGN[line.kind]}
                    </span>
                    <span className="min-w-0 break-words">
                      <span className="sr-only">{READ[line.kind]}</span>
                      {line.text || " "}
                    </span>
                  </div>
                ),
              )}
            </div>
          </section>
        );
      })}
    </div>
  );
}
