import { Plus } from "lucide-react";
import { useMemo, useRef } from "react";

import { Button, Card, Notice, toast } from "@/ui";

import type { Mark } from "../code/marks";
import { jsonText, parsedObject, root } from "../editing/document";
import { useEditing } from "../editing/useEditing";
import { BUILTINS, withAction, type Builtin } from "./builtins";
import { FindingList } from "./FindingList";
import { JsonField } from "./JsonField";

const FIELD = "actions_schema";
const KEYWORD = "{{actionsSchema}}";

export function ActionsSection() {
  const { doc, edited, errors, verdict, set, setText } = useEditing();
  const goTo = useRef<((mark: Mark) => void) | null>(null);
  const text = jsonText(edited, FIELD);
  const marks = useMemo<Mark[]>(() => {
    const path = (field: string) => field.slice(FIELD.length).replace(/^\./, "");
    return [
      ...errors.map((each) => ({ ...each, severity: "error" as const })),
      ...(verdict?.findings ?? []),
    ]
      .filter((each) => root(each.field) === FIELD && each.field !== FIELD)
      .map(({ severity, message, field }) => ({ severity, message, path: path(field) }));
  }, [errors, verdict]);

  const insert = (builtin: Builtin) => {
    let schema: Record<string, unknown> | null;
    try {
      schema = parsedObject(text);
    } catch {
      toast("Mend the JSON first; then an action can be put into it.", "error");
      return;
    }
    const made = withAction(schema, builtin);
    setText(FIELD, JSON.stringify(made.schema, null, 2));
    setTimeout(() => {
      goTo.current?.({ severity: "note", message: "", path: `properties.${made.name}` });
    }, 50);
  };

  const isUnused = doc.actions_schema !== null && !doc.prompt.includes("actionsSchema");
  return (
    <>
      {isUnused && (
        <Notice
          level="warning"
          action={
            <Button
              size="sm"
              onClick={() => {
                set({ prompt: `${doc.prompt.trimEnd()}\n\n${KEYWORD}\n` });
                toast(`${KEYWORD} is at the end of the prompt.`);
              }}
            >
              Add it
            </Button>
          }
        >
          The persona takes no action: its prompt lacks <code>{KEYWORD}</code>.
        </Notice>
      )}
      <Card
        title="Actions"
        description="What it may do besides speaking: one JSON Schema, an action per property."
      >
        <div className="flex flex-col gap-4">
          <div role="group" aria-label="Insert an action" className="flex flex-wrap gap-2">
            {BUILTINS.map((each) => (
              <Button
                key={each.name}
                size="sm"
                title={each.says}
                icon={<Plus className="size-3.5" />}
                onClick={() => insert(each)}
              >
                {each.label}
              </Button>
            ))}
          </div>
          <JsonField
            name={FIELD}
            label="Actions schema"
            marks={marks}
            goTo={goTo}
            placeholder="No actions. Insert one above, or paste a schema."
            lines={[14, 30]}
          />
          <FindingList
            label="Findings about the actions"
            marks={marks}
            onGo={(mark) => goTo.current?.(mark)}
          />
          <p className="text-sm text-muted">
            <code>_description</code> says when to take the action, <code>_examples</code> how.{" "}
            <code>_action_type</code> is <code>update_state</code> or <code>webhook</code>; without
            it your page acts on the event, or the telephone does. Keys with <code>_</code> are
            described in <code>docs/actions.md</code>.
          </p>
        </div>
      </Card>
    </>
  );
}
