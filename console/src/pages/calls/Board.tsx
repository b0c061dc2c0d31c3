import { PhoneCall } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { cx } from "@/lib/cx";
import { milliseconds } from "@/lib/format";
import { useStored } from "@/lib/useStored";
import type { LiveCall } from "@/live/types";
import { useTopic } from "@/live/useTopic";
import {
  Badge,
  Button,
  Card,
  Elapsed,
  Empty,
  SearchInput,
  Select,
  SkeletonLines,
  Table,
  type Column,
} from "@/ui";

import { liveCallerOf, phaseOf, stateSummary, transportOf } from "./naming";

const ORDERS: Record<string, { label: string; before: (a: LiveCall, b: LiveCall) => number }> = {
  newest: { label: "Newest first", before: (a, b) => b.startedAt.localeCompare(a.startedAt) },
  longest: { label: "Longest first", before: (a, b) => a.startedAt.localeCompare(b.startedAt) },
  slowest: {
    label: "Slowest first",
    before: (a, b) => (b.firstAudioMs ?? -1) - (a.firstAudioMs ?? -1),
  },
};
/** So few calls are seen at a glance. */
const FEW = 5;

/** The calls that go on now. */
export function Board() {
  const board = useTopic("board");
  const [wanted, setWanted] = useState("");
  const [order, setOrder] = useStored("calls.order", "newest");
  const calls = board?.calls ?? [];
  const found = calls
    .filter((call) => matches(call, wanted))
    .sort((ORDERS[order] ?? ORDERS["newest"]!).before);
  return (
    <Card
      flush
      title={
        <span className="flex items-center gap-2.5">
          Live now
          {calls.length > 0 && (
            <Badge tone="accent" live>
              {calls.length}
            </Badge>
          )}
        </span>
      }
      actions={
        (calls.length > FEW || wanted) && (
          <>
            <SearchInput
              label="Find live calls"
              placeholder="Find"
              value={wanted}
              onChange={setWanted}
              className="w-36 sm:w-52"
            />
            <Select
              aria-label="Order of the live calls"
              value={order}
              onChange={(event) => setOrder(event.target.value)}
              className="w-auto!"
            >
              {Object.entries(ORDERS).map(([id, { label }]) => (
                <option key={id} value={id}>
                  {label}
                </option>
              ))}
            </Select>
          </>
        )
      }
    >
      {board === undefined ? (
        <div className="px-5 pb-5">
          <SkeletonLines />
        </div>
      ) : calls.length === 0 ? (
        <NoCalls />
      ) : found.length === 0 ? (
        <p className="px-5 pb-5 text-sm text-muted">No live call has “{wanted}”.</p>
      ) : (
        <LiveTable calls={found} />
      )}
    </Card>
  );
}

function LiveTable({ calls }: { calls: readonly LiveCall[] }) {
  const [, go] = useLocation();
  const columns: Column<LiveCall>[] = [
    {
      head: "Caller",
      cell: (call) => (
        <>
          <Link
            href={`/calls/${call.conversationId}`}
            data-row
            onClick={(event) => event.stopPropagation()}
            className="font-medium hover:underline"
          >
            {liveCallerOf(call)}
          </Link>
          <span className="block text-xs text-muted">
            {call.personaName}
            <span className="max-sm:hidden"> · {transportOf(call.transport)}</span>
          </span>
        </>
      ),
    },
    {
      head: "Now",
      cell: (call) => {
        const phase = phaseOf(call.phase);
        return (
          <Badge tone={phase.tone} live={call.phase !== "ended"}>
            {phase.label}
          </Badge>
        );
      },
    },
    { head: "Time", numeric: true, cell: (call) => <Elapsed since={call.startedAt} /> },
    {
      head: "Turns",
      numeric: true,
      wideOnly: true,
      cell: (call) => (
        <>
          {call.turns}
          {call.interrupted > 0 && (
            <span className="block text-xs text-muted">{call.interrupted} interrupted</span>
          )}
        </>
      ),
    },
    {
      head: <span title="From the caller's last sound to the agent's first">First audio</span>,
      numeric: true,
      wideOnly: true,
      cell: (call) => (
        <>
          <span className={cx("font-medium", (call.firstAudioMs ?? 0) > 1600 && "text-danger")}>
            {milliseconds(call.firstAudioMs)}
          </span>
          {call.lastFirstAudioMs !== null && (
            <span className="block text-xs text-muted">
              last {milliseconds(call.lastFirstAudioMs)}
            </span>
          )}
        </>
      ),
    },
    {
      head: "State",
      wideOnly: true,
      className: "max-w-72",
      cell: (call) => (
        <span className="line-clamp-2 text-xs text-muted">{stateSummary(call.state)}</span>
      ),
    },
  ];
  return (
    <Table
      caption="Live calls"
      columns={columns}
      rows={calls}
      rowKey={(call) => call.conversationId}
      onRow={(call) => go(`/calls/${call.conversationId}`)}
    />
  );
}

function NoCalls() {
  return (
    <Empty
      icon={<PhoneCall />}
      title="Nobody is on the line"
      action={
        <>
          <Button asChild kind="primary">
            <Link href="/playground">Talk to the agent</Link>
          </Button>
          <Button asChild>
            <Link href="/personas">Connect a number</Link>
          </Button>
        </>
      }
    >
      Talk to a persona in the playground, or call a number that is connected to one: the call is here
      as soon as it begins.
    </Empty>
  );
}

function matches(call: LiveCall, wanted: string): boolean {
  const text = [
    liveCallerOf(call),
    call.personaName,
    transportOf(call.transport),
    phaseOf(call.phase).label,
    JSON.stringify(call.state),
  ].join(" ");
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.toLowerCase().includes(word));
}
