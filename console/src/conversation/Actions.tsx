import { ChevronRight, Globe, Zap } from "lucide-react";
import { useState } from "react";

import { cx } from "@/lib/cx";
import { duration, milliseconds } from "@/lib/format";
import type { ActionView, WebhookView } from "@/live/types";
import { Badge, type Tone } from "@/ui/badge";
import { Json } from "@/ui/json";
import { Spinner } from "@/ui/spinner";

const OUTCOMES: Record<string, Tone> = {
  done: "ok",
  refused: "warn",
  repeated: "neutral",
  failed: "danger",
};

/** What the agent did, the latest first, with what webhooks were sent and answered. */
export function Actions({ actions }: { actions: readonly ActionView[] }) {
  return (
    <ol className="divide-y divide-line">
      {actions.toReversed().map((action) => (
        <li key={action.number}>
          <Action action={action} />
        </li>
      ))}
    </ol>
  );
}

/** One action; opens to show everything of it. */
export function Action({ action }: { action: ActionView }) {
  const [open, setOpen] = useState(false);
  const Icon = action.webhook ? Globe : Zap;
  const running = action.finishedAt === null;
  return (
    <div>
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex w-full items-center gap-2.5 px-4 py-3 text-left -outline-offset-2! hover:bg-hover/60 sm:px-5"
      >
        <ChevronRight
          aria-hidden
          className={cx("size-4 shrink-0 text-muted transition-transform", open && "rotate-90")}
        />
        <Icon aria-hidden className="size-4 shrink-0 text-accent" />
        <span className="min-w-0 grow">
          <span className="block truncate font-mono text-sm font-medium">{action.name}</span>
          <span className="block truncate text-xs text-muted">{short(action.arguments)}</span>
        </span>
        {running ? (
          <Badge tone="accent" icon={<Spinner className="size-3" />}>
            Running
          </Badge>
        ) : (
          <Badge tone={OUTCOMES[action.outcome ?? ""] ?? "neutral"}>
            {action.outcome ?? "finished"}
          </Badge>
        )}
        <span className="tabular w-14 shrink-0 text-right text-xs text-muted">
          {running
            ? duration(action.startedAt)
            : milliseconds((action.finishedAt ?? 0) - action.startedAt)}
        </span>
      </button>
      {open && (
        <div className="flex flex-col gap-3 px-4 pt-2 pb-4 sm:px-5 sm:pl-11">
          <Part title="Arguments" value={action.arguments} />
          {action.webhook && <Webhook webhook={action.webhook} />}
          {action.result !== null && action.result !== "" && (
            <Part title="What the model was told" value={action.result} />
          )}
        </div>
      )}
    </div>
  );
}

function Webhook({ webhook }: { webhook: WebhookView }) {
  const failed = webhook.status === null || webhook.status >= 400;
  return (
    <>
      <p className="flex items-center gap-2 text-sm">
        <Badge>{webhook.method}</Badge>
        <span className="min-w-0 font-mono text-xs break-all">{webhook.url}</span>
        <Badge tone={failed ? "danger" : "ok"}>{webhook.status ?? "no answer"}</Badge>
        {webhook.tookMs !== null && (
          <span className="tabular text-xs whitespace-nowrap text-muted">{milliseconds(webhook.tookMs)}</span>
        )}
      </p>
      <Part title="Request" value={webhook.request} />
      {webhook.response !== null && webhook.response !== "" && (
        <Part title="Response" value={webhook.response} />
      )}
    </>
  );
}

function Part({ title, value }: { title: string; value: unknown }) {
  return (
    <div>
      <p className="mb-1 text-xs font-medium text-muted">{title}</p>
      <Json value={value} />
    </div>
  );
}

function short(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "object") return String(value);
  return Object.entries(value)
    .map(([key, each]) => `${key}: ${typeof each === "string" ? each : JSON.stringify(each)}`)
    .join(", ");
}
