import {
  CalendarClock,
  FilePlus2,
  MessageCircleQuestion,
  Phone,
  UtensilsCrossed,
  type LucideIcon,
} from "lucide-react";
import { useState } from "react";

import { sentenceOf } from "@/api/problem";
import { keys, queries } from "@/api/queries";
import { makePersona, useTemplates } from "@/api/templates";
import { LoadError, Notice, SkeletonLines, Spinner } from "@/ui";

const ICONS: Record<string, LucideIcon> = {
  own: Phone,
  restaurant: UtensilsCrossed,
  questions: MessageCircleQuestion,
  appointments: CalendarClock,
  blank: FilePlus2,
};

export interface NewPersonaProps {
  /** The names that there are. */
  taken: readonly string[];
  onMade: (id: string) => void;
}

/** Pick what a new persona begins with. */
export function NewPersona({ taken, onMade }: NewPersonaProps) {
  const [making, setMaking] = useState("");
  const [error, setError] = useState("");
  const templates = useTemplates();
  return (
    <div className="flex flex-col gap-3">
      {error && <Notice level="error">{error}</Notice>}
      {templates.isPending && <SkeletonLines />}
      {templates.isError && (
        <LoadError error={templates.error} retry={() => void templates.refetch()} />
      )}
      {templates.data?.map((template) => {
        const Icon = ICONS[template.id] ?? FilePlus2;
        return (
          <button
            key={template.id}
            type="button"
            disabled={making !== ""}
            onClick={() => {
              setMaking(template.id);
              setError("");
              makePersona(template.persona, free(template.persona.name ?? "", taken))
                .then((made) => {
                  void queries.invalidateQueries({ queryKey: keys.personas });
                  onMade(made.id);
                })
                .catch((thrown: unknown) => setError(sentenceOf(thrown)))
                .finally(() => setMaking(""));
            }}
            className="flex items-center gap-4 rounded-lg border border-line-strong/50 bg-surface px-4 py-4 text-left transition-colors hover:border-accent hover:bg-accent-soft/40 disabled:opacity-60"
          >
            <span
              aria-hidden
              className="flex size-10 shrink-0 items-center justify-center rounded-lg bg-accent-soft text-accent"
            >
              {making === template.id ? <Spinner /> : <Icon className="size-5" />}
            </span>
            <span>
              <span className="block font-medium">{template.title}</span>
              <span className="block text-sm text-muted">{template.text}</span>
            </span>
          </button>
        );
      })}
    </div>
  );
}

/** A name that none of `taken` has. */
function free(wanted: string, taken: readonly string[]): string {
  let name = wanted;
  for (let number = 2; taken.includes(name); number++) name = `${wanted} ${number}`;
  return name;
}
