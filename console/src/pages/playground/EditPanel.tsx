import { CircleAlert, ExternalLink, Info, Plus, TriangleAlert, X } from "lucide-react";
import { useState, type ReactElement } from "react";
import { Link } from "wouter";

import type { Schemas } from "@/api/client";
import { ApiError, sentenceOf } from "@/api/problem";
import { useKeywords, useLlms, useVoices } from "@/api/queries";
import { cx } from "@/lib/cx";
import { Code } from "@/pages/personas/code/Code";
import type { Mark } from "@/pages/personas/code/marks";
import { Button, Field, IconButton, Input, Notice, Select, toast } from "@/ui";

import type { Draft, DraftActions, Persona } from "./useDraft";

export type Details = { key: string; value: string }[];

export interface EditPanelProps {
  draft: Draft;
  actions: DraftActions;
  /** What is doubtful in what was tried last. */
  findings: readonly Schemas["FindingOut"][];
  /** What the server has refused, by field. */
  refused: readonly { field: string; message: string }[];
  details: Details;
  onDetails: (details: Details) => void;
  onTalk: () => void;
  talkLabel: string;
}

/** What is tried most often, beside the conversation; the rest is in the editor of personas. */
export function EditPanel({
  draft,
  actions,
  findings,
  refused,
  details,
  onDetails,
  onTalk,
  talkLabel,
}: EditPanelProps) {
  const { persona } = draft;
  const [busy, setBusy] = useState<"" | "save" | "publish">("");
  const [error, setError] = useState<unknown>(null);
  const wrong = [...refused, ...(error instanceof ApiError ? error.fields : [])];
  const keywords = useKeywords().data?.items;
  const at = (field: string) =>
    wrong.find((each) => each.field === field || each.field.startsWith(`${field}.`))?.message;

  const keep = async (how: "save" | "publish") => {
    setBusy(how);
    setError(null);
    try {
      await actions[how]();
      toast(how === "save" ? "The draft was saved." : "Published: all new calls get it.");
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy("");
    }
  };

  return (
    <div className="flex min-h-0 grow flex-col">
      <div className="flex min-h-0 grow flex-col gap-5 overflow-y-auto px-4 py-4 sm:px-5">
        {draft.overtaken && (
          <Notice
            level="warning"
            action={
              <Button size="sm" onClick={actions.reset}>
                Take theirs
              </Button>
            }
          >
            Somebody else has changed this persona meanwhile.
          </Notice>
        )}
        {error !== null && <Notice level="error">{sentenceOf(error)}</Notice>}
        <Field label="Prompt" error={at("prompt")}>
          <Code
            label="Prompt"
            language="template"
            lines={[8, 15]}
            keywords={keywords}
            marks={marksOf(findings, "prompt")}
            value={persona.prompt}
            onChange={(prompt) => actions.change({ prompt })}
          />
        </Field>
        <Field
          label="Initial message"
          hint="Empty to wait for the caller."
          error={at("initial_message")}
        >
          <Code
            label="Initial message"
            language="template"
            lines={[1, 5]}
            keywords={keywords?.filter((each) => each.place === "anywhere")}
            marks={marksOf(findings, "initial_message")}
            value={persona.initial_message}
            onChange={(initial_message) => actions.change({ initial_message })}
          />
        </Field>
        <LlmField persona={persona} change={actions.change} error={at("llm")} />
        <VoiceField persona={persona} change={actions.change} error={at("voice")} />
        <DetailsFields details={details} onChange={onDetails} />
        <Findings findings={findings} />
        <p className="text-sm text-muted">
          <Link
            href={`/personas/${draft.loaded.id}`}
            className="inline-flex items-center gap-1.5 underline hover:text-ink"
          >
            Actions, scenarios and everything else
            <ExternalLink aria-hidden className="size-3.5" />
          </Link>
        </p>
      </div>
      <div className="flex shrink-0 flex-wrap items-center gap-2 border-t border-line px-4 py-3 sm:px-5">
        <Button kind="primary" size="sm" onClick={onTalk}>
          {talkLabel}
        </Button>
        <span className="grow" />
        {draft.unsaved && (
          <Button kind="ghost" size="sm" onClick={actions.reset}>
            Undo
          </Button>
        )}
        <Button
          size="sm"
          disabled={!draft.unsaved}
          busy={busy === "save"}
          onClick={() => void keep("save")}
        >
          Save draft
        </Button>
        <Button
          size="sm"
          disabled={!draft.unpublished}
          busy={busy === "publish"}
          onClick={() => void keep("publish")}
        >
          Publish
        </Button>
      </div>
    </div>
  );
}

function marksOf(findings: readonly Schemas["FindingOut"][], field: string): Mark[] {
  return findings
    .filter((each) => each.field === field)
    .map(({ severity, message, line, column }) => ({ severity, message, line, column }));
}

interface PartProps {
  persona: Persona;
  change: (part: Partial<Persona>) => void;
  error: string | undefined;
}

function LlmField({ persona, change, error }: PartProps): ReactElement {
  const llms = useLlms();
  const { llm } = persona;
  const listed = (llms.data ?? []).filter((each) => each.model !== "");
  const custom = llm !== null && typeof llm === "object";
  const value = llm === null ? "" : custom ? "\0custom" : llm;
  const known = value === "" || custom || listed.some((each) => each.name === value);
  return (
    <Field label="Language model" error={error ?? (llms.isError ? sentenceOf(llms.error) : null)}>
      <Select
        value={value}
        onChange={(event) => {
          const picked = event.target.value;
          if (picked !== "\0custom") change({ llm: picked || null });
        }}
      >
        <option value="">The server's</option>
        {custom && <option value={"\0custom"}>{`${llm.model} (custom)`}</option>}
        {!known && <option value={value}>{value}</option>}
        {listed.map((each) => (
          <option key={each.name} value={each.name} disabled={!each.ready}>
            {each.name}
            {each.model && each.model !== each.name && ` · ${each.model}`}
            {!each.ready && ` (${each.key_env} is not set)`}
          </option>
        ))}
      </Select>
    </Field>
  );
}

function VoiceField({ persona, change, error }: PartProps): ReactElement {
  const voices = useVoices();
  const { voice } = persona;
  const all = voices.data?.items ?? [];
  const valueOf = (provider: string, id: string) => `${provider}\n${id}`;
  const value = voice?.voice_id ? valueOf(voice.provider, voice.voice_id) : "";
  const listed = all.some((each) => valueOf(each.provider, each.voice_id) === value);
  const problem = voices.data?.problems[0];
  const pick = (picked: string) => {
    const [provider = "", voice_id = ""] = picked.split("\n");
    if (!voice_id) return change({ voice: null });
    const before = voice?.provider === provider ? voice : { model: "", settings: {} };
    change({ voice: { model: before.model, settings: before.settings, provider, voice_id } });
  };
  return (
    <Field
      label="Voice"
      error={error}
      hint={problem && `${problem.provider}: ${problem.message}`}
    >
      <Select value={value} onChange={(event) => pick(event.target.value)}>
        <option value="">The server's</option>
        {value !== "" && !listed && <option value={value}>{voice?.voice_id}</option>}
        {[...new Set(all.map((each) => each.provider))].map((provider) => (
          <optgroup key={provider} label={provider}>
            {all
              .filter((each) => each.provider === provider)
              .map((each) => (
                <option key={each.voice_id} value={valueOf(provider, each.voice_id)}>
                  {each.name || each.voice_id}
                </option>
              ))}
          </optgroup>
        ))}
      </Select>
    </Field>
  );
}

interface DetailsProps {
  details: Details;
  onChange: (details: Details) => void;
}

function DetailsFields({ details, onChange }: DetailsProps) {
  const set = (at: number, part: Partial<Details[number]>) =>
    onChange(details.map((each, number) => (number === at ? { ...each, ...part } : each)));
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="text-sm font-medium">Details of the test</legend>
      <p className="text-sm text-muted">
        What <code className="font-mono">{"{{details.name}}"}</code> and the like stand for.
      </p>
      {details.map((each, at) => (
        <div key={at} className="flex items-center gap-2">
          <Input
            aria-label={`Name of detail ${at + 1}`}
            placeholder="name"
            className="font-mono text-sm"
            value={each.key}
            onChange={(event) => set(at, { key: event.target.value })}
          />
          <Input
            aria-label={`Value of detail ${at + 1}`}
            placeholder="value"
            className="text-sm"
            value={each.value}
            onChange={(event) => set(at, { value: event.target.value })}
          />
          <IconButton
            size="sm"
            label={`Remove detail ${at + 1}`}
            icon={<X className="size-4" />}
            onClick={() => onChange(details.filter((_, number) => number !== at))}
          />
        </div>
      ))}
      <Button
        size="sm"
        kind="ghost"
        className="self-start"
        icon={<Plus className="size-4" />}
        onClick={() => onChange([...details, { key: "", value: "" }])}
      >
        Add a detail
      </Button>
    </fieldset>
  );
}

const SEVERITIES = {
  error: { icon: CircleAlert, color: "text-danger" },
  warning: { icon: TriangleAlert, color: "text-warn" },
  note: { icon: Info, color: "text-muted" },
};

function Findings({ findings }: { findings: readonly Schemas["FindingOut"][] }) {
  if (findings.length === 0) return null;
  return (
    <div>
      <h2 className="mb-1.5 text-sm font-medium">Doubtful in what you tried</h2>
      <ul className="flex flex-col gap-2">
        {findings.map((each, at) => {
          const { icon: Icon, color } = SEVERITIES[each.severity];
          return (
            <li key={at} className="flex items-start gap-2 text-sm">
              <Icon aria-hidden className={cx("mt-0.5 size-4 shrink-0", color)} />
              <span>
                <span className="sr-only">{each.severity}: </span>
                {each.message}{" "}
                {each.field && <span className="font-mono text-xs text-muted">{each.field}</span>}
              </span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}
