import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useState, type FormEvent } from "react";
import { useLocation } from "wouter";

import { api, told, type Schemas } from "@/api/client";
import { ApiError } from "@/api/problem";
import { keys } from "@/api/queries";
import { makePersona, useTemplates, type NewDoc } from "@/api/templates";
import { cx } from "@/lib/cx";
import { Button, Dialog, Field, Input, LoadError, toast } from "@/ui";


/** What it begins with: a persona's draft, or else a template. */
export interface Origin {
  copyOf?: { id: string; name: string };
}

export interface NewPersonaProps {
  origin: Origin | undefined;
  onClose: () => void;
}

export function NewPersona({ origin, onClose }: NewPersonaProps) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [name, setName] = useState("");
  const [template, setTemplate] = useState("blank");
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const form = useId();
  const templates = useTemplates();
  const copyOf = origin?.copyOf;
  useEffect(() => {
    setName(copyOf ? `${copyOf.name} (copy)`.slice(0, 100) : "");
    setError(undefined);
  }, [copyOf, origin]);

  const make = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const begun = copyOf
        ? await copied(copyOf.id)
        : (templates.data?.find((each) => each.id === template)?.persona ?? {});
      const saved = await makePersona(begun, name);
      client.setQueryData(keys.persona(saved.id), saved);
      void client.invalidateQueries({ queryKey: keys.personas, exact: true });
      toast(`${saved.name} is made. It is a draft until you publish it.`);
      onClose();
      go(`/personas/${saved.id}`);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  };

  const problem = error instanceof ApiError ? error : undefined;
  const isTaken = problem?.status === 409;
  const nameProblem = isTaken ? problem.message : problem?.field("name");
  return (
    <Dialog
      open={origin !== undefined}
      onClose={onClose}
      title={copyOf ? `Duplicate ${copyOf.name}` : "New persona"}
      {...(copyOf && { description: "Its draft is copied, without its telephone numbers." })}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" form={form} busy={isBusy || templates.isPending}>
            {copyOf ? "Duplicate" : "Create"}
          </Button>
        </>
      }
    >
      <form id={form} onSubmit={(event) => void make(event)} className="flex flex-col gap-5">
        <Field label="Name" error={nameProblem} hint={copyOf ? undefined : "For you; callers do not hear it."}>
          <Input
            value={name}
            required
            maxLength={100}
            autoComplete="off"
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        {!copyOf && (
          <fieldset className="flex flex-col gap-2">
            <legend className="mb-1.5 text-sm font-medium">Begin with</legend>
            {templates.isError && <LoadError error={templates.error} />}
            {templates.data?.map((each) => (
              <label
                key={each.id}
                className={cx(
                  "flex cursor-pointer items-start gap-3 rounded-lg border px-4 py-3",
                  template === each.id ? "border-accent bg-accent-soft" : "border-line hover:bg-hover",
                )}
              >
                <input
                  type="radio"
                  name="template"
                  value={each.id}
                  checked={template === each.id}
                  onChange={() => setTemplate(each.id)}
                  className="mt-1 size-4 accent-(--accent)"
                />
                <span>
                  <span className="block font-medium">{each.title}</span>
                  <span className="block text-sm text-muted">{each.text}</span>
                </span>
              </label>
            ))}
          </fieldset>
        )}
        {error !== undefined && !nameProblem && <LoadError error={error} />}
      </form>
    </Dialog>
  );
}

async function copied(id: string): Promise<NewDoc> {
  const { draft } = (await told(
    api.GET("/api/personas/{id}", { params: { path: { id } } }),
  )) as Schemas["PersonaOut"];
  return { ...draft, telephone: { ...draft.telephone, numbers: [] } };
}
