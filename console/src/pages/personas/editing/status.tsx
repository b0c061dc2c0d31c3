import { Badge } from "@/ui";

export type Status = "draft" | "published" | "changed";

const LOOKS = {
  draft: { tone: "neutral", says: "Draft", title: "Never published: calls do not get it yet." },
  published: { tone: "ok", says: "Published", title: "Calls get it as it is here." },
  changed: {
    tone: "warn",
    says: "Changed since",
    title: "Published, and the draft has been changed since.",
  },
} as const;

export function StatusBadge({ status }: { status: Status }) {
  const { tone, says, title } = LOOKS[status];
  return (
    <span title={title}>
      <Badge tone={tone}>{says}</Badge>
    </span>
  );
}
