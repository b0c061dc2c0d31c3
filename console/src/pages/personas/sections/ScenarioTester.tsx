import { useMutation } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";

import { api, told } from "@/api/client";
import { Button, Card, Field, Input, LoadError } from "@/ui";

import { useEditing } from "../editing/useEditing";

/** Which five scenarios would a turn have? */
export function ScenarioTester({ onShow }: { onShow: (index: number) => void }) {
  const { id, stored, changed } = useEditing();
  const [text, setText] = useState("");
  const [before, setBefore] = useState("");
  const match = useMutation({
    mutationFn: () =>
      told(
        api.POST("/api/personas/{id}/scenarios/match", {
          params: { path: { id } },
          body: { text, persona_text: before },
        }),
      ),
  });
  if (stored.draft.scenarios.length === 0) return null;
  const isOld = changed.includes("scenarios");
  const items = match.data?.items ?? [];
  return (
    <Card
      title="Which would match?"
      description="The scenarios that a turn with these words would have, found as in a call."
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          match.mutate();
        }}
      >
        <div className="grid items-end gap-4 md:grid-cols-[1fr_1fr_auto]">
          <Field label="The caller says">
            <Input
              value={text}
              required
              maxLength={5000}
              placeholder="Is my dog allowed?"
              onChange={(event) => setText(event.target.value)}
            />
          </Field>
          <Field label="The persona said before that" aside="optional">
            <Input
              value={before}
              maxLength={5000}
              onChange={(event) => setBefore(event.target.value)}
            />
          </Field>
          <Button type="submit" busy={match.isPending}>
            Find
          </Button>
        </div>
        {isOld && (
          <p className="text-sm text-warn">
            The scenarios of the saved draft are searched: save to search what you have edited.
          </p>
        )}
        {match.isError && <LoadError error={match.error} />}
        {match.data && (
          <div role="status" className="flex flex-col gap-2">
            {items.length === 0 && <p className="text-muted">None fits.</p>}
            <ol aria-label="Matching scenarios" className="flex flex-col gap-1">
              {items.map(({ index, score, scenario }) => (
                <li key={index}>
                  <button
                    type="button"
                    onClick={() => onShow(index)}
                    className="grid w-full grid-cols-[3.5rem_1fr] items-center gap-3 rounded-md px-2 py-1.5 text-left hover:bg-hover sm:grid-cols-[3.5rem_8rem_1fr]"
                  >
                    <span className="text-right text-sm font-medium tabular">
                      {score.toFixed(2)}
                    </span>
                    <span aria-hidden className="h-1.5 overflow-hidden rounded-full bg-line max-sm:hidden">
                      <span
                        className="block h-full rounded-full bg-accent"
                        style={{ width: `${Math.max(0, Math.min(1, score)) * 100}%` }}
                      />
                    </span>
                    <span className="min-w-0 truncate text-sm">
                      <span className="text-muted">{index + 1}. </span>
                      {scenario.context || scenario.userSays[0] || scenario.personaSays[0]}
                    </span>
                  </button>
                </li>
              ))}
            </ol>
            {!match.data.by_meaning && (
              <p className="text-sm text-muted">
                Found by words alone. By meaning as well, once the server has the model:{" "}
                <code>voice-agent models pull minilm</code>.
              </p>
            )}
          </div>
        )}
      </form>
    </Card>
  );
}
