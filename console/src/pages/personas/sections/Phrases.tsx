import { Card, Field, Input, SkeletonLines } from "@/ui";

import { useDefaults } from "../editing/defaults";
import { useEditing } from "../editing/useEditing";

const PHRASES: Record<string, [label: string, says: string]> = {
  filler: ["Filler", "When the answer takes long."],
  checking: ["While an action runs", "When the model said nothing of it."],
  not_heard: ["Not heard", "When speech had no words."],
  apology: ["Apology", "When an answer fails."],
  broken_off: ["Broken off", "When an answer fails in the middle."],
  idle: ["Nobody speaks", "After a silence."],
  goodbye: ["Good-bye", "When nobody speaks any more."],
  failure: ["Failure", "Before hanging up, when nothing works."],
  time_up: ["Time is up", "At the longest duration of a call."],
};

export function PhrasesSection() {
  const { doc, set, problem } = useEditing();
  const defaults = useDefaults();
  if (defaults === undefined) return <SkeletonLines lines={6} />;
  const names = [...new Set([...Object.keys(defaults.phrases), ...Object.keys(doc.phrases)])];
  const put = (name: string, text: string) => {
    const { [name]: _, ...rest } = doc.phrases;
    set({ phrases: text === "" ? rest : { ...rest, [name]: text } });
  };
  return (
    <Card
      title="Phrases"
      description="What it says without asking the model. An empty one is the server's, as shown in gray; write them in the persona's language."
    >
      <div className="grid gap-4 md:grid-cols-2">
        {names.map((name) => (
          <Field
            key={name}
            label={PHRASES[name]?.[0] ?? name}
            hint={PHRASES[name]?.[1]}
            error={problem(`phrases.${name}`)}
          >
            <Input
              value={doc.phrases[name] ?? ""}
              placeholder={defaults.phrases[name]}
              maxLength={5000}
              onChange={(event) => put(name, event.target.value)}
            />
          </Field>
        ))}
      </div>
    </Card>
  );
}
