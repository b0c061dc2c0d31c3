import {
  ArrowLeft,
  Copy,
  Download,
  Ellipsis,
  MessageSquareMore,
  Save,
  Trash2,
  Undo2,
  Upload,
} from "lucide-react";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { Link, Redirect, useLocation, useParams } from "wouter";

import { ApiError } from "@/api/problem";
import { cx } from "@/lib/cx";
import { relative } from "@/lib/format";
import { useShortcuts } from "@/lib/shortcuts";
import { useInSight } from "@/lib/useInSight";
import {
  Badge,
  Button,
  Confirm,
  Empty,
  IconButton,
  Kbd,
  LoadError,
  Menu,
  Notice,
  Page,
  SkeletonLines,
  toast,
  toastError,
} from "@/ui";

import { Conflict } from "./dialogs/Conflict";
import { DeletePersona } from "./dialogs/DeletePersona";
import { NewPersona } from "./dialogs/NewPersona";
import { Publish } from "./dialogs/Publish";
import {
  changedFields,
  SECTIONS,
  sectionOf,
  type Doc,
  type SectionId,
} from "./editing/document";
import { exported } from "./editing/files";
import { StatusBadge } from "./editing/status";
import { EditingProvider, useEditing, useEditingOf } from "./editing/useEditing";
import { ActionsSection } from "./sections/Actions";
import { DeploySection } from "./sections/Deploy";
import { LimitsSection } from "./sections/Limits";
import { ModelSection } from "./sections/Model";
import { PhrasesSection } from "./sections/Phrases";
import { PromptSection } from "./sections/Prompt";
import { ScenariosSection } from "./sections/Scenarios";
import { SettingsSection } from "./sections/Settings";
import { TurnsSection } from "./sections/Turns";
import { VersionsSection } from "./sections/Versions";
import { VoiceSection } from "./sections/Voice";

const CONTENTS: Record<SectionId, () => ReactNode> = {
  prompt: PromptSection,
  actions: ActionsSection,
  scenarios: ScenariosSection,
  voice: VoiceSection,
  model: ModelSection,
  turns: TurnsSection,
  phrases: PhrasesSection,
  limits: LimitsSection,
  settings: SettingsSection,
  deploy: DeploySection,
  versions: VersionsSection,
};

export default function PersonaPage() {
  const { id = "" } = useParams<{ id: string }>();
  return <Editor key={id} id={id} />;
}

function Editor({ id }: { id: string }) {
  const { editing, error, retry } = useEditingOf(id);
  if (editing !== undefined) {
    return (
      <EditingProvider value={editing}>
        <Loaded />
      </EditingProvider>
    );
  }
  return (
    <Page title="Persona" above={<Back />}>
      {error instanceof ApiError && error.status === 404 ? (
        <Empty
          title="There is no such persona"
          action={
            <Button asChild>
              <Link href="/personas">All personas</Link>
            </Button>
          }
        >
          It may have been deleted.
        </Empty>
      ) : error ? (
        <LoadError error={error} retry={retry} />
      ) : (
        <SkeletonLines lines={8} />
      )}
    </Page>
  );
}

function Loaded() {
  const { part = "prompt" } = useParams<{ part?: string }>();
  const [, go] = useLocation();
  const editing = useEditing();
  const { id, stored, doc, isDirty, isStale, isSaving, errors, restored } = editing;
  const [dialog, setDialog] = useState<"publish" | "conflict" | "delete" | "copy" | "discard">();
  const section = SECTIONS.find((each) => each.id === part);
  const latest = useRef(errors);
  latest.current = errors;

  const save = async () => {
    if (!isDirty || isSaving) return;
    try {
      const saved = await editing.save();
      if (saved) toast("Saved. Calls get it once it is published.");
      else setTimeout(show, 0);
    } catch (error) {
      if (error instanceof ApiError && error.status === 412) setDialog("conflict");
      else toastError(error);
    }
  };
  // Leads to what is wrong, and says that there is something.
  const show = () => {
    const wrong = latest.current.map((each) => sectionOf(each.field)).filter(Boolean);
    if (wrong[0] && !wrong.includes(section?.id)) go(`/personas/${id}/${wrong[0]}`);
    toast("Not saved: something is wrong. It is marked at its field.", "error");
  };
  useShortcuts([
    { keys: "mod+s", does: "Save the draft", run: () => void save(), typing: true },
    { keys: "p", does: "Publish", run: () => setDialog("publish") },
  ]);

  // Edits that are left behind stay in this tab; say so.
  const leaving = isDirty ? doc.name : "";
  useLeaving(leaving);

  if (section === undefined) return <Redirect to={`/personas/${id}`} replace />;
  const Content = CONTENTS[section.id];
  const published = stored.published as Doc | null;
  const status =
    published === null
      ? "draft"
      : changedFields(published, stored.draft as Doc).length > 0
        ? "changed"
        : "published";
  const general = errors.filter((each) => sectionOf(each.field) === undefined);

  return (
    <Page
      title={stored.name}
      above={<Back />}
      beside={
        <>
          <StatusBadge status={status} />
          {stored.version > 0 && (
            <span className="tabular text-sm text-muted">Version {stored.version}</span>
          )}
        </>
      }
      actions={
        <>
          <Button asChild>
            <Link href={`/playground/${id}`}>
              <MessageSquareMore aria-hidden className="size-4" />
              Talk to it
            </Link>
          </Button>
          <Button
            // Calls get all of it already: then it is not what there is to do.
            kind={status === "published" && !isDirty ? "secondary" : "primary"}
            icon={<Upload className="size-4" />}
            onClick={() => setDialog("publish")}
          >
            Publish
          </Button>
          <Menu
            trigger={<IconButton label="More" icon={<Ellipsis className="size-4" />} />}
            groups={[
              [
                {
                  label: "Duplicate",
                  icon: <Copy className="size-4" />,
                  onSelect: () => setDialog("copy"),
                },
                {
                  label: "Export as TOML",
                  icon: <Download className="size-4" />,
                  onSelect: () => void exported(stored, "toml"),
                },
                {
                  label: "Export as JSON",
                  icon: <Download className="size-4" />,
                  onSelect: () => void exported(stored, "json"),
                },
              ],
              [
                {
                  label: "Delete",
                  icon: <Trash2 className="size-4" />,
                  danger: true,
                  onSelect: () => setDialog("delete"),
                },
              ],
            ]}
          />
        </>
      }
    >
      {isDirty && isStale && (
        <Notice
          level="warning"
          title="Somebody else has saved this persona since you began"
          action={
            <Button size="sm" onClick={() => setDialog("conflict")}>
              See what changed
            </Button>
          }
        >
          Your edits are still here, unsaved.
        </Notice>
      )}
      {isDirty && !isStale && restored !== undefined && (
        <Notice
          action={
            <Button size="sm" onClick={() => setDialog("discard")}>
              Discard
            </Button>
          }
        >
          Unsaved edits from {relative(new Date(restored).toISOString())} are here again.
        </Notice>
      )}
      {general.length > 0 && (
        <Notice level="error">{general.map((each) => each.message).join(" ")}</Notice>
      )}
      <div className="flex flex-col gap-5">
        <SectionNav here={section.id} />
        <div className="flex min-w-0 flex-col gap-6 pb-16"><Content /></div>
      </div>

      {isDirty && (
        <div className="sticky bottom-18 z-20 -mt-8 lg:bottom-4">
          <div
            role="region"
            aria-label="Unsaved edits"
            className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 rounded-xl border border-line bg-raised px-4 py-2.5 shadow-lg"
          >
            <span className="text-sm">
              <span className="font-medium">Unsaved edits</span>
              <span className="text-muted max-sm:hidden"> in {sectionsOf(editing.changed)}</span>
            </span>
            <span className="flex items-center gap-2">
              <Button
                size="sm"
                kind="ghost"
                icon={<Undo2 className="size-4" />}
                onClick={() => setDialog("discard")}
              >
                Discard
              </Button>
              <Button
                size="sm"
                kind="primary"
                icon={<Save className="size-4" />}
                busy={isSaving}
                onClick={() => void save()}
              >
                Save
              </Button>
              <span className="max-lg:hidden">
                <Kbd keys="mod+s" />
              </span>
            </span>
          </div>
        </div>
      )}

      <Publish open={dialog === "publish"} onClose={() => setDialog(undefined)} />
      <Conflict open={dialog === "conflict"} onClose={() => setDialog(undefined)} />
      <Confirm
        open={dialog === "discard"}
        onClose={() => setDialog(undefined)}
        title="Discard your edits?"
        verb="Discard"
        danger
        onConfirm={editing.discard}
      >
        What you typed since the last save is gone for good: {sectionsOf(editing.changed)}.
      </Confirm>
      <NewPersona
        origin={dialog === "copy" ? { copyOf: stored } : undefined}
        onClose={() => setDialog(undefined)}
      />
      <DeletePersona
        persona={dialog === "delete" ? stored : undefined}
        onClose={() => setDialog(undefined)}
        onDone={() => go("/personas", { replace: true })}
      />
    </Page>
  );
}

/** The sections of an editor: each has an address of its own. */
function SectionNav({ here }: { here: SectionId }) {
  const { id, errors, verdict, doc, changed } = useEditing();
  const nav = useRef<HTMLElement>(null);
  useInSight(nav, '[aria-current="page"]', here);
  return (
    <nav
      ref={nav}
      aria-label="Sections"
      className="scroll-edges -mx-4 overflow-x-auto border-b border-line px-4 sm:mx-0 sm:px-0"
    >
      <ul className="flex gap-1">
        {SECTIONS.map((section) => {
          const within = (field: string) => sectionOf(field) === section.id;
          const findings = (verdict?.findings ?? []).filter((each) => within(each.field));
          const wrong =
            errors.filter((each) => within(each.field)).length +
            findings.filter((each) => each.severity === "error").length;
          const doubtful = findings.filter((each) => each.severity === "warning").length;
          const isEdited = changed.some(within);
          return (
            <li key={section.id}>
              <Link
                href={`/personas/${id}/${section.id}`}
                replace
                aria-current={section.id === here ? "page" : undefined}
                className={cx(
                  "-mb-px flex items-center gap-1.5 border-b-2 px-3 py-2 text-sm font-medium whitespace-nowrap -outline-offset-2!",
                  section.id === here
                    ? "border-accent text-ink"
                    : "border-transparent text-muted hover:text-ink",
                )}
              >
                {section.label}
                {section.id === "scenarios" && doc.scenarios.length > 0 && (
                  <span className="tabular text-xs text-muted">{doc.scenarios.length}</span>
                )}
                {wrong > 0 ? (
                  <Badge tone="danger">
                    {wrong}
                    <span className="sr-only"> wrong</span>
                  </Badge>
                ) : (
                  doubtful > 0 && (
                    <Badge tone="warn">
                      {doubtful}
                      <span className="sr-only"> doubtful</span>
                    </Badge>
                  )
                )}
                {isEdited && (
                  <span title="Unsaved edits" className="size-1.5 rounded-full bg-accent">
                    <span className="sr-only">, unsaved</span>
                  </span>
                )}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

function Back() {
  return (
    <Link href="/personas" className="inline-flex items-center gap-1 hover:text-ink">
      <ArrowLeft aria-hidden className="size-3.5" />
      Personas
    </Link>
  );
}

function sectionsOf(fields: string[]): string {
  const found = SECTIONS.filter((each) => fields.some((field) => sectionOf(field) === each.id));
  return found.map((each) => each.label).join(", ") || "a text that is not complete";
}

function useLeaving(name: string): void {
  const [latest] = useState({ name });
  latest.name = name;
  useEffect(
    () => () => {
      if (latest.name) toast(`Your edits of ${latest.name} are kept in this tab, unsaved.`);
    },
    [latest],
  );
}
