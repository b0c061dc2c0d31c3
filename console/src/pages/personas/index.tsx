import { Copy, Download, FileUp, MessageSquareMore, Plus, Trash2, UsersRound, Ellipsis } from "lucide-react";
import { useRef, useState } from "react";
import { Link, useLocation } from "wouter";

import type { Schemas } from "@/api/client";
import { usePersonas } from "@/api/queries";
import { count } from "@/lib/format";
import { useShortcuts } from "@/lib/shortcuts";
import { useTopicEvents } from "@/live/useTopic";
import {
  Ago,
  Badge,
  Button,
  Card,
  Empty,
  IconButton,
  LoadError,
  Menu,
  Page,
  SearchInput,
  Select,
  SkeletonLines,
  Table,
} from "@/ui";

import { DeletePersona } from "./dialogs/DeletePersona";
import { ImportPersona } from "./dialogs/ImportPersona";
import { NewPersona, type Origin } from "./dialogs/NewPersona";
import { exported } from "./editing/files";
import { kept } from "./editing/kept";
import { StatusBadge } from "./editing/status";

type Summary = Schemas["PersonaSummary"];

export default function PersonasPage() {
  const personas = usePersonas();
  const [, go] = useLocation();
  const [text, setText] = useState("");
  const [status, setStatus] = useState("");
  const [origin, setOrigin] = useState<Origin>();
  const [file, setFile] = useState<File>();
  const [doomed, setDoomed] = useState<Summary>();
  const search = useRef<HTMLInputElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  useTopicEvents("personas", () => void personas.refetch());
  useShortcuts([
    { keys: "n", does: "New persona", run: () => setOrigin({}) },
    { keys: "/", does: "Search personas", run: () => search.current?.focus() },
  ]);

  const all = personas.data ?? [];
  const wanted = text.trim().toLowerCase();
  const shown = all.filter(
    (each) =>
      (status === "" || each.status === status) &&
      [each.name, each.language, ...each.numbers].some((part) =>
        part.toLowerCase().includes(wanted),
      ),
  );

  return (
    <Page
      title="Personas"
      description="Who answers: what it says, what it may do, and whose voice it has."
      actions={
        <>
          <input
            ref={picker}
            type="file"
            accept=".toml,.json,application/json,application/toml"
            aria-label="Persona file"
            tabIndex={-1}
            className="sr-only"
            onChange={(event) => {
              setFile(event.target.files?.[0]);
              event.target.value = "";
            }}
          />
          <Button icon={<FileUp className="size-4" />} onClick={() => picker.current?.click()}>
            Import
          </Button>
          <Button kind="primary" icon={<Plus className="size-4" />} onClick={() => setOrigin({})}>
            New persona
          </Button>
        </>
      }
    >
      {personas.isError && (
        <LoadError error={personas.error} retry={() => void personas.refetch()} />
      )}
      {personas.isPending && <SkeletonLines lines={5} />}
      {personas.data?.length === 0 && (
        <Card>
          <Empty
            icon={<UsersRound />}
            title="No personas yet"
            action={
              <Button kind="primary" onClick={() => setOrigin({})}>
                New persona
              </Button>
            }
          >
            A persona is who answers a call. Begin with a template, or import a file that was
            exported or that <code>voice-agent persona new</code> has written.
          </Empty>
        </Card>
      )}
      {all.length > 0 && (
        <Card flush>
          <div className="flex flex-wrap items-center gap-3 px-4 py-3 sm:px-5">
            <SearchInput
              ref={search}
              label="Search"
              placeholder="Name, language or number"
              value={text}
              onChange={setText}
              className="grow basis-56"
            />
            <Select
              aria-label="Status"
              value={status}
              onChange={(event) => setStatus(event.target.value)}
              className="w-auto! max-sm:grow"
            >
              <option value="">All</option>
              <option value="draft">Drafts</option>
              <option value="published">Published</option>
              <option value="changed">Changed since</option>
            </Select>
          </div>
          <Table
            caption="Personas"
            rows={shown}
            rowKey={(each) => each.id}
            onRow={(each) => go(`/personas/${each.id}`)}
            columns={[
              {
                head: "Name",
                cell: (each) => (
                  <div className="min-w-0">
                    <Link
                      href={`/personas/${each.id}`}
                      onClick={(event) => event.stopPropagation()}
                      className="font-medium text-ink hover:underline"
                    >
                      {each.name}
                    </Link>
                    <div className="mt-1 md:hidden">
                      <States persona={each} />
                    </div>
                  </div>
                ),
              },
              { head: "Status", wideOnly: true, cell: (each) => <States persona={each} /> },
              { head: "Language", wideOnly: true, cell: (each) => languageName(each.language) },
              {
                head: "Numbers",
                wideOnly: true,
                cell: (each) => <Numbers numbers={each.numbers} />,
              },
              {
                head: "Changed",
                className: "whitespace-nowrap max-sm:hidden",
                cell: (each) => <Ago at={each.updated_at} />,
              },
              {
                head: <span className="sr-only">Actions</span>,
                numeric: true,
                cell: (each) => (
                  <div onClick={(event) => event.stopPropagation()}>
                    <Actions
                      persona={each}
                      onDuplicate={() => setOrigin({ copyOf: each })}
                      onDelete={() => setDoomed(each)}
                    />
                  </div>
                ),
              },
            ]}
          />
          {shown.length === 0 && (
            <p className="border-t border-line px-5 py-10 text-center text-muted">
              None of {count(all.length, "persona")} is like that.{" "}
              <button
                type="button"
                className="text-accent underline underline-offset-2"
                onClick={() => {
                  setText("");
                  setStatus("");
                }}
              >
                Show all
              </button>
            </p>
          )}
        </Card>
      )}
      <NewPersona origin={origin} onClose={() => setOrigin(undefined)} />
      <ImportPersona file={file} names={all} onClose={() => setFile(undefined)} />
      <DeletePersona persona={doomed} onClose={() => setDoomed(undefined)} />
    </Page>
  );
}

function States({ persona }: { persona: Summary }) {
  return (
    <span className="flex flex-wrap gap-1.5">
      <StatusBadge status={persona.status} />
      {kept(persona.id) && <Badge tone="accent">Unsaved edits</Badge>}
    </span>
  );
}

function Numbers({ numbers }: { numbers: string[] }) {
  if (numbers.length === 0) return <span className="text-muted">None</span>;
  return (
    <span className="tabular whitespace-nowrap">
      {numbers[0]}
      {numbers.length > 1 && <span className="text-muted"> and {numbers.length - 1} more</span>}
    </span>
  );
}

interface ActionsProps {
  persona: Summary;
  onDuplicate: () => void;
  onDelete: () => void;
}

function Actions({ persona, onDuplicate, onDelete }: ActionsProps) {
  const [, go] = useLocation();
  return (
    <Menu
      trigger={
        <IconButton
          size="sm"
          label={`Actions for ${persona.name}`}
          icon={<Ellipsis className="size-4" />}
        />
      }
      groups={[
        [
          {
            label: "Talk to it",
            icon: <MessageSquareMore className="size-4" />,
            onSelect: () => go(`/playground/${persona.id}`),
          },
          { label: "Duplicate", icon: <Copy className="size-4" />, onSelect: onDuplicate },
          {
            label: "Export as TOML",
            icon: <Download className="size-4" />,
            onSelect: () => void exported(persona, "toml"),
          },
          {
            label: "Export as JSON",
            icon: <Download className="size-4" />,
            onSelect: () => void exported(persona, "json"),
          },
        ],
        [
          {
            label: "Delete",
            icon: <Trash2 className="size-4" />,
            danger: true,
            onSelect: onDelete,
          },
        ],
      ]}
    />
  );
}

const NAMES = new Intl.DisplayNames(undefined, { type: "language" });

function languageName(tag: string): string {
  try {
    return NAMES.of(tag) ?? tag;
  } catch {
    return tag;
  }
}
