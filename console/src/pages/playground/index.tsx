import { AudioLines, Clock, Plus, UsersRound, Zap } from "lucide-react";
import { useState, type ReactNode } from "react";
import { Link, Redirect, useLocation, useParams } from "wouter";

import { api, told, type Schemas } from "@/api/client";
import { ApiError } from "@/api/problem";
import { usePersonas } from "@/api/queries";
import { Actions } from "@/conversation/Actions";
import { StateView } from "@/conversation/StateView";
import { Transcript } from "@/conversation/Transcript";
import { Waterfall } from "@/conversation/Waterfall";
import { useShortcuts } from "@/lib/shortcuts";
import { useMedia } from "@/lib/useMedia";
import { useStored } from "@/lib/useStored";
import { useTitle } from "@/lib/useTitle";
import type { CallState } from "@/live/topics";
import type { CallTopic, Said } from "@/live/types";
import { useTopic } from "@/live/useTopic";
import { NotFound } from "@/shell/NotFound";
import {
  Badge,
  Dialog,
  Empty,
  IconButton,
  LoadError,
  Page,
  Select,
  SkeletonLines,
  Tabs,
  toast,
  toastError,
  type Tab,
} from "@/ui";

import { Composer } from "./Composer";
import { EditPanel, type Details } from "./EditPanel";
import { NewPersona } from "./NewPersona";
import { Stage } from "./Stage";
import { useDraft, type Draft, type DraftActions } from "./useDraft";
import { useTalk, type Talk } from "./useTalk";

/** Talk to a persona, see what happens, change it, talk again. */
export default function PlaygroundPage() {
  const { id } = useParams<{ id?: string }>();
  const [last, setLast] = useStored("playground-persona", "");
  const personas = usePersonas();
  const [, go] = useLocation();

  if (personas.data === undefined) {
    return (
      <Page title="Playground">
        {personas.isError ? (
          <LoadError error={personas.error} retry={() => void personas.refetch()} />
        ) : (
          <SkeletonLines lines={5} />
        )}
      </Page>
    );
  }
  if (personas.data.length === 0) {
    return <First onMade={(made) => go(`/playground/${made}`, { replace: true })} />;
  }
  if (!id) {
    const known = personas.data.find((each) => each.id === last) ?? personas.data[0];
    return <Redirect to={`/playground/${known?.id ?? ""}`} replace />;
  }
  return (
    <Ground
      key={id}
      id={id}
      personas={personas.data}
      onPick={(picked) => {
        setLast(picked);
        go(`/playground/${picked}`);
      }}
    />
  );
}

function First({ onMade }: { onMade: (id: string) => void }) {
  return (
    <Page title="Playground">
      <div className="mx-auto w-full max-w-xl pt-[6vh]">
        <div className="mb-6 flex flex-col items-center gap-3 text-center">
          <span
            aria-hidden
            className="flex size-14 items-center justify-center rounded-2xl bg-accent-soft text-accent"
          >
            <AudioLines className="size-7" />
          </span>
          <h2 className="text-xl font-semibold">Who shall answer?</h2>
          <p className="text-muted">
            A persona is who you talk to: its prompt, its voice and what it may do. Begin with one of
            these, and change it while you talk.
          </p>
        </div>
        <NewPersona taken={[]} onMade={onMade} />
      </div>
    </Page>
  );
}

interface GroundProps {
  id: string;
  personas: Schemas["PersonaSummary"][];
  onPick: (id: string) => void;
}

function Ground({ id, personas, onPick }: GroundProps) {
  const { query, draft, actions } = useDraft(id);
  useTitle(draft?.persona.name, "Playground");
  if (query.error instanceof ApiError && query.error.status === 404) {
    return <NotFound>This persona has been deleted.</NotFound>;
  }
  if (draft === null) {
    return (
      <Page title="Playground">
        {query.isError ? (
          <LoadError error={query.error} retry={() => void query.refetch()} />
        ) : (
          <SkeletonLines lines={5} />
        )}
      </Page>
    );
  }
  return (
    <Playing id={id} personas={personas} onPick={onPick} draft={draft} draftActions={actions} />
  );
}

interface PlayingProps extends GroundProps {
  draft: Draft;
  draftActions: DraftActions;
}

function Playing({ id, personas, onPick, draft, draftActions }: PlayingProps) {
  const [details, setDetails] = useStored<Details>(`details-${id}`, []);
  const [findings, setFindings] = useState<Schemas["FindingOut"][]>([]);
  const [tried, setTried] = useState<unknown>(null);
  const [picked, setPicked] = useState<string | null>(null);
  const [making, setMaking] = useState(false);
  const wide = useMedia("(min-width: 1024px)");
  const widest = useMedia("(min-width: 1600px)");

  const [talk, talkActions, levels] = useTalk(id, async () => {
    const made = await told(
      api.POST("/api/personas/{id}/try", {
        params: { path: { id } },
        body: {
          persona: draft.unsaved ? draft.persona : null,
          user_id: null,
          details: Object.fromEntries(
            details.filter(({ key }) => key.trim()).map(({ key, value }) => [key.trim(), value]),
          ),
        },
      }),
    );
    setFindings(made.findings);
    setTried(draft.persona);
    return made.token;
  });
  const topic: CallTopic | null = talk.conversationId ? `call:${talk.conversationId}` : null;
  const call = useTopic(topic);
  const on = talk.phase === "live" || talk.phase === "reconnecting";
  const begin = () => {
    talkActions.start({ silent: false });
    // Whoever has picked no tab is shown what is new to see.
    if (picked === null) setPicked(wide ? "latency" : "talk");
    else if (!wide) setPicked("talk");
  };
  useShortcuts([
    { keys: "t", does: on ? "End the conversation" : "Talk", run: on ? talkActions.end : begin },
    { keys: "m", does: "Mute or unmute", run: () => talkActions.mute(!talk.muted) },
    { keys: "mod+Enter", does: "Talk again with what was edited", run: begin, typing: true },
    {
      keys: "mod+s",
      does: "Save the draft",
      typing: true,
      run: () =>
        void draftActions.save().then(() => toast("The draft was saved."), toastError),
    },
  ]);

  const stage = (
    <Stage
      talk={talk}
      actions={{ ...talkActions, start: (how) => (how.silent ? talkActions.start(how) : begin()) }}
      levels={levels}
      call={call}
      edited={tried !== null && tried !== draft.persona}
      disabled={false}
    />
  );
  const speech = (
    <>
      <Transcript
        follow
        className="grow"
        messages={saidOf(talk, call)}
        interim={talk.messages.find((each) => each.type === "temporary_message")?.content ?? ""}
        live={on}
        agentName={draft.persona.name}
        empty={
          <Empty icon={<AudioLines />} title={`Say hello to ${draft.persona.name}`}>
            What you say and what is answered appears here, word by word. What you interrupt is
            struck through: the model knows that it was not heard.
          </Empty>
        }
      />
      <Composer talk={talk} actions={talkActions} disabled={false} />
    </>
  );
  const edit = (
    <EditPanel
      draft={draft}
      actions={draftActions}
      findings={findings}
      refused={talk.problem?.fields ?? []}
      details={details}
      onDetails={setDetails}
      onTalk={begin}
      talkLabel={talk.conversationId ? "Talk again" : "Talk"}
    />
  );
  const inspect: Tab[] = [
    { id: "latency", label: "Latency", content: <Latency call={call} /> },
    {
      id: "actions",
      label: "Actions",
      badge: number(call?.actions.length),
      content: <ActionsOf call={call} />,
    },
    {
      id: "state",
      label: "State",
      badge: number(Object.keys(call?.state ?? {}).length),
      content: <StateOf call={call} />,
    },
  ];
  const editTab: Tab = { id: "edit", label: "Edit", content: edit };
  const talkTab: Tab = {
    id: "talk",
    label: "Talk",
    content: <div className="flex min-h-0 grow flex-col">{speech}</div>,
  };
  const tabs = widest ? inspect : wide ? [editTab, ...inspect] : [talkTab, editTab, ...inspect];
  const shown = tabs.some((tab) => tab.id === picked) ? (picked ?? "") : (tabs[0]?.id ?? "");
  const panel = "flex min-h-0 flex-col overflow-hidden bg-surface lg:rounded-xl lg:border lg:border-line lg:shadow-sm";
  const side = (
    <Tabs
      label="Playground"
      tabs={tabs}
      value={shown}
      onChange={setPicked}
      className={`${panel} ${wide ? "" : "grow"}`}
      contentClassName="flex min-h-0 grow flex-col overflow-y-auto pt-0! data-[state=inactive]:hidden"
    />
  );

  return (
    <div className="flex h-[calc(100dvh-3.75rem-env(safe-area-inset-bottom))] flex-col lg:h-dvh">
      <header className="flex shrink-0 flex-wrap items-center gap-x-3 gap-y-2 px-3 py-2.5 sm:px-5 lg:px-6 lg:py-4">
        <h1 className="sr-only text-xl font-semibold tracking-tight lg:not-sr-only">Playground</h1>
        <div className="flex min-w-0 grow items-center gap-2 lg:ml-2 lg:max-w-sm">
          <Select
            aria-label="Persona"
            className="min-w-0 font-medium"
            value={id}
            onChange={(event) => onPick(event.target.value)}
          >
            {personas.map((each) => (
              <option key={each.id} value={each.id}>
                {each.id === id ? draft.persona.name : each.name}
              </option>
            ))}
          </Select>
          <IconButton
            label="New persona"
            icon={<Plus className="size-4.5" />}
            onClick={() => setMaking(true)}
          />
        </div>
        <Status draft={draft} />
        {topic && (
          <Link
            href={`/calls/${talk.conversationId}`}
            className="ml-auto hidden text-sm text-muted underline hover:text-ink sm:inline"
          >
            This call's page
          </Link>
        )}
      </header>
      {wide ? (
        <div
          className={`grid min-h-0 grow gap-4 px-5 pb-5 lg:px-6 ${
            widest
              ? "grid-cols-[26rem_minmax(0,1fr)_28rem]"
              : "grid-cols-[minmax(0,1fr)_minmax(22rem,27rem)]"
          }`}
        >
          {widest && <Panel className={panel}>{edit}</Panel>}
          <Panel className={panel}>
            {stage}
            {speech}
          </Panel>
          {side}
        </div>
      ) : (
        <div className="flex min-h-0 grow flex-col border-t border-line bg-surface">
          {stage}
          {side}
        </div>
      )}
      <Dialog
        open={making}
        onClose={() => setMaking(false)}
        title="New persona"
        description="It begins as a draft that only you can talk to."
      >
        <NewPersona
          taken={personas.map((each) => each.name)}
          onMade={(made) => {
            setMaking(false);
            onPick(made);
          }}
        />
      </Dialog>
    </div>
  );
}

function Panel({ className, children }: { className: string; children: ReactNode }) {
  return <div className={className}>{children}</div>;
}

function Status({ draft }: { draft: Draft }) {
  if (draft.unsaved) return <Badge tone="warn">Not saved</Badge>;
  if (draft.loaded.published === null) return <Badge>Draft</Badge>;
  if (draft.unpublished) return <Badge tone="warn">Not published</Badge>;
  return <Badge tone="ok">Published</Badge>;
}

function Latency({ call }: { call: CallState | undefined }) {
  if (!call || call.turns.length === 0) {
    return (
      <Empty icon={<Clock />} title="Where the time goes">
        Each turn is shown here as it happens: from your last sound to the first audio, stage by
        stage.
      </Empty>
    );
  }
  return <Waterfall turns={call.turns} />;
}

function ActionsOf({ call }: { call: CallState | undefined }) {
  if (!call || call.actions.length === 0) {
    return (
      <Empty icon={<Zap />} title="No actions yet">
        What the persona does is shown here, with what webhooks were sent and what they answered.
        Actions are really carried out.
      </Empty>
    );
  }
  return <Actions actions={call.actions} />;
}

function StateOf({ call }: { call: CallState | undefined }) {
  if (!call || (Object.keys(call.state).length === 0 && call.states.length === 0)) {
    return (
      <Empty icon={<UsersRound />} title="Nothing known yet">
        What the conversation keeps in its state is shown here, and how it became so.
      </Empty>
    );
  }
  return <StateView state={call.state} states={call.states} />;
}

function number(count: number | undefined): ReactNode {
  return count ? <Badge tone="accent">{count}</Badge> : null;
}

/** What was said, as the SDK tells it at once, with the times that the live socket knows. */
function saidOf(talk: Talk, call: CallState | undefined): Said[] {
  const known = new Map(call?.messages.map((each) => [String(each.messageId), each]));
  return talk.messages
    .filter((each) => each.type === "message")
    .map((each) => {
      const more = known.get(each.messageId);
      return { ...more, ...each, withdrawn: false };
    });
}
