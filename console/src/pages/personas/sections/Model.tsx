import type { Schemas } from "@/api/client";
import { useLlms } from "@/api/queries";
import { Badge, Card, Field, Input, LoadError, Notice, SkeletonLines } from "@/ui";

import { useDefaults } from "../editing/defaults";
import { useEditing } from "../editing/useEditing";
import { Choice } from "./Choice";
import { JsonField } from "./JsonField";

type Custom = Schemas["CustomLlm"];

const NEW: Custom = { base_url: "", model: "", key_env: "", parameters: {} };

export function ModelSection() {
  const { doc, set, problem } = useEditing();
  const llms = useLlms();
  const defaults = useDefaults();
  const { llm } = doc;
  const custom = typeof llm === "object" && llm !== null ? llm : null;
  const isUnknown =
    typeof llm === "string" && llms.data && !llms.data.some((each) => each.name === llm);
  return (
    <>
      <Card
        title="Language model"
        description="What thinks of the answers. A fast one: callers wait for its first word."
      >
        <div className="flex flex-col gap-4">
          {llms.isError && <LoadError error={llms.error} retry={() => void llms.refetch()} />}
          {llms.isPending && <SkeletonLines />}
          <fieldset className="flex flex-col gap-2">
            <legend className="sr-only">Language model</legend>
            <Choice
              name="llm"
              checked={llm === null}
              onChange={() => set({ llm: null })}
              label="The server's"
              says={defaults?.llm || "What the configuration names."}
            />
            <div className="grid gap-2 sm:grid-cols-2">
              {llms.data
                // Those without a model of their own are for `base_url` and `model`.
                ?.filter((each) => each.model !== "")
                .map((each) => (
                  <Choice
                    key={each.name}
                    name="llm"
                    checked={llm === each.name}
                    onChange={() => set({ llm: each.name })}
                    label={
                      <span className="flex flex-wrap items-center gap-x-2">
                        {each.name}
                        {!each.ready && <Badge tone="warn">No key</Badge>}
                      </span>
                    }
                    says={each.ready ? each.model : `${each.model}; set ${each.key_env} on the server`}
                  />
                ))}
              {isUnknown && (
                <Choice name="llm" checked onChange={() => undefined} label={llm} says="Unknown here" />
              )}
            </div>
            <Choice
              name="llm"
              checked={custom !== null}
              onChange={() => custom ?? set({ llm: NEW })}
              label="Any OpenAI-compatible API"
              says="By its address; also for a model that you have fine-tuned."
            />
          </fieldset>
          {typeof llm === "string" && problem("llm") && (
            <Notice level="error">{problem("llm")}</Notice>
          )}
        </div>
      </Card>
      {custom && <CustomModel custom={custom} onChange={(next) => set({ llm: next })} />}
    </>
  );
}

function CustomModel({ custom, onChange }: { custom: Custom; onChange: (llm: Custom) => void }) {
  const { problem } = useEditing();
  return (
    <Card
      title="OpenAI-compatible API"
      description="The operator must allow the address and the key's variable: llm.allowed_urls, llm.allowed_keys. If they are not, calls get the server's model."
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Base URL" error={problem("llm.base_url")}>
          <Input
            type="url"
            inputMode="url"
            value={custom.base_url}
            placeholder="https://api.example.com/v1"
            onChange={(event) => onChange({ ...custom, base_url: event.target.value })}
          />
        </Field>
        <Field label="Model" error={problem("llm.model")}>
          <Input
            value={custom.model}
            placeholder="The API's name of it"
            onChange={(event) => onChange({ ...custom, model: event.target.value })}
          />
        </Field>
        <Field
          label="Key's variable"
          hint="The server's environment variable that holds the key; never the key itself. Empty if none is needed."
          error={problem("llm.key_env")}
        >
          <Input
            value={custom.key_env}
            placeholder="EXAMPLE_API_KEY"
            autoComplete="off"
            onChange={(event) => onChange({ ...custom, key_env: event.target.value })}
          />
        </Field>
        <JsonField
          name="llm.parameters"
          label="Parameters"
          editorLabel="Parameters of the model"
          hint="JSON: further fields of each request."
          placeholder='{ "temperature": 0.3 }'
          lines={[3, 10]}
          deep
        />
      </div>
      {problem("llm") && (
        <Notice level="error" className="mt-4">
          {problem("llm")}
        </Notice>
      )}
    </Card>
  );
}
