import { useMemo, useRef } from "react";

import { useKeywords } from "@/api/queries";
import { Card, Field } from "@/ui";

import { Code } from "../code/Code";
import type { Mark } from "../code/marks";
import { useEditing } from "../editing/useEditing";
import { FindingList } from "./FindingList";
import { TokenMeter } from "./TokenMeter";

export function PromptSection() {
  const { doc, set, problem, verdict } = useEditing();
  const listed = useKeywords().data?.items;
  const spoken = useMemo(() => listed?.filter((each) => each.place === "anywhere"), [listed]);
  return (
    <>
      <Card
        title="Prompt"
        description="Who it is, what its job is, how it goes about it, and once more what matters most. Type {{ for keywords."
      >
        <div className="flex flex-col gap-4">
          <Template
            label="Prompt"
            field="prompt"
            value={doc.prompt}
            onChange={(prompt) => set({ prompt })}
            error={problem("prompt")}
            keywords={listed}
            placeholder={"You are …\nYour job is …\nTo do that, …"}
            lines={[12, 26]}
          />
          <TokenMeter meter={verdict?.meter} />
        </div>
      </Card>
      <Card
        title="Initial message"
        description="What the caller hears first. Empty: it waits for the caller."
      >
        <Template
          label="Initial message"
          field="initial_message"
          value={doc.initial_message}
          onChange={(text) => set({ initial_message: text })}
          error={problem("initial_message")}
          keywords={spoken}
          placeholder="Hello, how can I help you?"
          lines={[2, 8]}
        />
      </Card>
    </>
  );
}

interface TemplateProps {
  label: string;
  field: string;
  value: string;
  onChange: (text: string) => void;
  error: string | undefined;
  keywords: Parameters<typeof Code>[0]["keywords"];
  placeholder: string;
  lines: [number, number];
}

function Template({ label, field, error, ...rest }: TemplateProps) {
  const { verdict } = useEditing();
  const goTo = useRef<((mark: Mark) => void) | null>(null);
  const findings = verdict?.findings;
  const marks = useMemo<Mark[]>(
    () =>
      (findings ?? [])
        .filter((each) => each.field === field)
        // What is said of the whole text stands at its beginning.
        .map(({ severity, message, line, column, code }) => ({
          severity,
          message,
          ...(!WHOLE.has(code) && { line, column }),
        })),
    [findings, field],
  );
  return (
    <div className="flex flex-col gap-3">
      <Field label={label} hiddenLabel error={error}>
        <Code label={label} language="template" marks={marks} goTo={goTo} {...rest} />
      </Field>
      <FindingList
        label={`Findings about the ${label.toLowerCase()}`}
        marks={marks}
        onGo={(mark) => goTo.current?.(mark)}
      />
    </div>
  );
}

const WHOLE = new Set([
  "actions-unused",
  "no-actions",
  "scenarios-unused",
  "no-prompt",
  "long-prompt",
  "not-spoken",
]);
