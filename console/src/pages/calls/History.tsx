import { Disc3, History as HistoryIcon, SlidersHorizontal } from "lucide-react";
import { useInfiniteQuery, type InfiniteData } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation, useSearchParams } from "wouter";

import { ask } from "@/api/client";
import { keys, queries, usePersonas } from "@/api/queries";
import { cx } from "@/lib/cx";
import { duration } from "@/lib/format";
import { useTopicEvents } from "@/live/useTopic";
import {
  Ago,
  Badge,
  Button,
  Card,
  Empty,
  Field,
  Input,
  LoadError,
  Select,
  SkeletonLines,
  Table,
  type Column,
} from "@/ui";

import { callerOf, directionOf, reasonOf, type Conversation } from "./naming";

interface Listed {
  items: Conversation[];
  next: string | null;
}

const PAGE = 50;
const FILTERS = ["persona", "status", "user", "from", "to"] as const;
type Filter = Partial<Record<(typeof FILTERS)[number], string>>;

/** What was talked, the newest first. */
export function History() {
  const [search, setSearch] = useSearchParams();
  const filter: Filter = {};
  for (const name of FILTERS) {
    const value = search.get(name);
    if (value) filter[name] = value;
  }
  const filtered = Object.keys(filter).length > 0;
  const [isOpen, setOpen] = useState(filtered);
  const set = (name: keyof Filter, value: string) =>
    setSearch(
      (before) => {
        const after = new URLSearchParams(before);
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace: true },
    );

  const key = keys.conversations(filter);
  const pages = useInfiniteQuery({
    queryKey: key,
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      ask<Listed>("GET", `/api/conversations?${queryOf(filter, pageParam)}`, undefined, signal),
    getNextPageParam: (last) => last.next,
  });
  useTopicEvents<{ kind: "conversation"; conversation: Conversation }>("history", (event) => {
    if (event.kind === "conversation") {
      queries.setQueryData<InfiniteData<Listed>>(
        key,
        (data) => data && withConversation(data, event.conversation, filter),
      );
    } else {
      void queries.invalidateQueries({ queryKey: key });
    }
  });
  const rows = pages.data?.pages.flatMap((page) => page.items) ?? [];

  return (
    <Card
      flush
      title="History"
      actions={
        <Button
          size="sm"
          kind={isOpen ? "ghost" : "secondary"}
          className="md:hidden"
          icon={<SlidersHorizontal className="size-3.5" />}
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          Filter
        </Button>
      }
    >
      <Filters
        isOpen={isOpen}
        filter={filter}
        onChange={set}
        onClear={filtered ? () => setSearch({}, { replace: true }) : undefined}
      />
      {pages.isError && rows.length === 0 && (
        <div className="px-5 pb-5">
          <LoadError error={pages.error} retry={() => void pages.refetch()} />
        </div>
      )}
      {pages.isPending && (
        <div className="px-5 pb-5">
          <SkeletonLines lines={6} />
        </div>
      )}
      {pages.data && rows.length === 0 && (
        <Empty
          icon={<HistoryIcon />}
          title={filtered ? "No call is like that" : "No calls yet"}
          action={
            filtered && (
              <Button onClick={() => setSearch({}, { replace: true })}>Show all calls</Button>
            )
          }
        >
          {filtered
            ? "Ask for less, or show all calls."
            : "Every call is kept here with its words, its timing and what the agent did."}
        </Empty>
      )}
      {rows.length > 0 && <HistoryTable rows={rows} />}
      {pages.hasNextPage && (
        <div className="flex justify-center border-t border-line p-3">
          <Button busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
            Show earlier calls
          </Button>
        </div>
      )}
    </Card>
  );
}

interface FiltersProps {
  /** On phones; where there is room they are always there. */
  isOpen: boolean;
  filter: Filter;
  onChange: (name: keyof Filter, value: string) => void;
  onClear: (() => void) | undefined;
}

function Filters({ isOpen, filter, onChange, onClear }: FiltersProps) {
  const personas = usePersonas();
  const of = (name: keyof Filter) => ({
    value: filter[name] ?? "",
    onChange: (event: { target: { value: string } }) => onChange(name, event.target.value),
  });
  return (
    <div
      role="search"
      aria-label="Filter the history"
      className={cx(
        "grid grid-cols-2 items-end gap-3 px-4 pb-4 sm:px-5 md:grid-cols-3 xl:grid-cols-[1fr_1fr_1.3fr_auto_auto_auto]",
        !isOpen && "max-md:hidden",
      )}
    >
      <Field label="Persona">
        <Select {...of("persona")}>
          <option value="">All</option>
          {personas.data?.map((persona) => (
            <option key={persona.id} value={persona.id}>
              {persona.name}
            </option>
          ))}
        </Select>
      </Field>
      <Field label="Status">
        <Select {...of("status")}>
          <option value="">All</option>
          <option value="live">Live</option>
          <option value="paused">Paused</option>
          <option value="ended">Ended</option>
        </Select>
      </Field>
      <Field label="User" className="max-md:col-span-2">
        <Input type="search" placeholder="Whole number or id" data-filter {...of("user")} />
      </Field>
      <Field label="From">
        <Input type="date" max={filter.to} {...of("from")} />
      </Field>
      <Field label="To">
        <Input type="date" min={filter.from} {...of("to")} />
      </Field>
      {onClear && (
        <Button kind="ghost" onClick={onClear} className="max-md:col-span-2">
          Clear
        </Button>
      )}
    </div>
  );
}

function HistoryTable({ rows }: { rows: readonly Conversation[] }) {
  const [, go] = useLocation();
  const columns: Column<Conversation>[] = [
    {
      head: "Caller",
      cell: (each) => (
        <>
          <Link
            href={`/calls/${each.id}`}
            data-row
            onClick={(event) => event.stopPropagation()}
            className="font-medium hover:underline"
          >
            {callerOf(each)}
          </Link>
          <span className="block text-xs text-muted">{directionOf(each.direction)}</span>
        </>
      ),
    },
    {
      head: "Persona",
      wideOnly: true,
      cell: (each) => (
        <>
          {each.persona_name}
          <span className="block text-xs text-muted">
            {each.persona_version > 0 ? `Version ${each.persona_version}` : each.persona_id && "Draft"}
          </span>
        </>
      ),
    },
    {
      head: "How it ended",
      wideOnly: true,
      cell: (each) => <Outcome conversation={each} />,
    },
    {
      head: "Length",
      numeric: true,
      cell: (each) => (
        <span className="inline-flex items-center gap-1.5">
          {each.recording && (
            <Disc3 role="img" aria-label="Recorded" className="size-3.5 text-muted" />
          )}
          {each.ended_at ? lengthOf(each) : "–"}
        </span>
      ),
    },
    { head: "When", numeric: true, cell: (each) => <Ago at={each.created_at} /> },
  ];
  return (
    <Table
      caption="Calls"
      columns={columns}
      rows={rows}
      rowKey={(each) => each.id}
      onRow={(each) => go(`/calls/${each.id}`)}
    />
  );
}

export function Outcome({ conversation }: { conversation: Conversation }) {
  if (conversation.status === "live") {
    return (
      <Badge tone="accent" live>
        Live
      </Badge>
    );
  }
  if (conversation.status === "paused") return <Badge tone="warn">Paused</Badge>;
  const bad = ["crashed", "failures"].includes(conversation.end_reason);
  return (
    <span className={bad ? "text-danger" : "text-muted"}>{reasonOf(conversation.end_reason)}</span>
  );
}

function lengthOf(conversation: Conversation): string {
  const ended = new Date(conversation.ended_at ?? conversation.created_at).getTime();
  return duration(ended - new Date(conversation.created_at).getTime());
}

function queryOf(filter: Filter, after: string): string {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (filter.persona) query.set("persona_id", filter.persona);
  if (filter.status) query.set("status", filter.status);
  if (filter.user) query.set("user_id", filter.user.trim());
  if (filter.from) query.set("since", midnight(filter.from));
  if (filter.to) query.set("until", midnight(filter.to, 1));
  if (after) query.set("after", after);
  return query.toString();
}

/** The beginning of that day here, `later` days after it. */
function midnight(date: string, later = 0): string {
  const at = new Date(`${date}T00:00:00`);
  at.setDate(at.getDate() + later);
  return at.toISOString();
}

function fits(conversation: Conversation, filter: Filter): boolean {
  return (
    (!filter.persona || conversation.persona_id === filter.persona) &&
    (!filter.status || conversation.status === filter.status) &&
    (!filter.user || conversation.user_id === filter.user.trim()) &&
    (!filter.from || conversation.created_at >= midnight(filter.from)) &&
    (!filter.to || conversation.created_at < midnight(filter.to, 1))
  );
}

/** The pages with a conversation that has begun or changed. */
function withConversation(
  data: InfiniteData<Listed>,
  changed: Conversation,
  filter: Filter,
): InfiniteData<Listed> {
  const known = data.pages.some((page) => page.items.some((each) => each.id === changed.id));
  const wanted = fits(changed, filter);
  const pages = data.pages.map((page, number) => {
    const items = page.items.flatMap((each) =>
      each.id !== changed.id ? each : wanted ? changed : [],
    );
    return { ...page, items: !known && wanted && number === 0 ? [changed, ...items] : items };
  });
  return { ...data, pages };
}
