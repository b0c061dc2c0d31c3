import { CircleAlert, Info, TriangleAlert } from "lucide-react";

import type { Mark } from "../code/marks";

const LOOKS = {
  error: { icon: CircleAlert, color: "text-danger", label: "Error" },
  warning: { icon: TriangleAlert, color: "text-warn", label: "Warning" },
  note: { icon: Info, color: "text-muted", label: "Note" },
};

const ORDER = ["error", "warning", "note"];

export interface FindingListProps {
  /** What they are about, read aloud. */
  label: string;
  marks: readonly Mark[];
  /** Shows the place of one in the text. */
  onGo?: (mark: Mark) => void;
}

/** What is wrong or doubtful, the worst first. */
export function FindingList({ label, marks, onGo }: FindingListProps) {
  if (marks.length === 0) return null;
  const sorted = [...marks].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  return (
    <ul aria-label={label} className="flex flex-col gap-1 text-sm">
      {sorted.map((mark, at) => {
        const { icon: Icon, color, label: severity } = LOOKS[mark.severity];
        const hasPlace = onGo && (mark.path !== undefined || mark.line !== undefined);
        return (
          <li key={at} className="flex items-start gap-2">
            <Icon role="img" aria-label={severity} className={`mt-0.5 size-4 shrink-0 ${color}`} />
            <span className="min-w-0">
              {mark.message}
              {hasPlace && (
                <button
                  type="button"
                  onClick={() => onGo(mark)}
                  className="ml-2 rounded-sm text-accent underline underline-offset-2"
                >
                  {mark.line === undefined ? mark.path || "Show" : `Line ${mark.line}`}
                </button>
              )}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
