import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { api, told, type Schemas } from "@/api/client";
import { keys } from "@/api/queries";
import { moment } from "@/lib/format";
import {
  Ago,
  Badge,
  Button,
  Card,
  Confirm,
  Dialog,
  Empty,
  LoadError,
  Notice,
  SkeletonLines,
  toast,
} from "@/ui";

import { changes } from "../editing/changes";
import type { Doc } from "../editing/document";
import { useEditing } from "../editing/useEditing";
import { DiffView } from "./DiffView";

type Version = Schemas["VersionOut"];

export function VersionsSection() {
  const { id, stored, isDirty, took, discard } = useEditing();
  const [shown, setShown] = useState<Version>();
  const [back, setBack] = useState<Version>();
  const versions = useInfiniteQuery({
    queryKey: keys.personaPart(id, "versions"),
    initialPageParam: "",
    queryFn: async ({ pageParam }) =>
      told(
        api.GET("/api/personas/{id}/versions", {
          params: { path: { id }, query: { limit: 50, ...(pageParam && { after: pageParam }) } },
        }),
      ),
    getNextPageParam: (page) => page.next || undefined,
  });
  const items = versions.data?.pages.flatMap((page) => page.items) ?? [];

  return (
    <Card
      flush
      title="Versions"
      description="What was published. Rolling back publishes an earlier one again, as the next version."
    >
      {versions.isError && (
        <div className="px-5 pb-4">
          <LoadError error={versions.error} retry={() => void versions.refetch()} />
        </div>
      )}
      {versions.isPending && (
        <div className="px-5 pb-4">
          <SkeletonLines />
        </div>
      )}
      {versions.isSuccess && items.length === 0 && (
        <Empty title="Not published yet">
          Calls get a persona once it is published. Each publication is a version that you can come
          back to.
        </Empty>
      )}
      <ol className="divide-y divide-line border-t border-line empty:hidden">
        {items.map((each) => (
          <li
            key={each.version}
            className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-4 py-3 sm:px-5"
          >
            <div className="flex items-center gap-3">
              <span className="font-medium tabular">Version {each.version}</span>
              {each.version === stored.version && <Badge tone="ok">Calls get this</Badge>}
              <span className="text-sm text-muted" title={moment(each.published_at)}>
                <Ago at={each.published_at} />
              </span>
            </div>
            <div className="flex gap-2">
              <Button size="sm" onClick={() => setShown(each)}>
                Compare with the draft
              </Button>
              {each.version !== stored.version && (
                <Button size="sm" onClick={() => setBack(each)}>
                  Roll back
                </Button>
              )}
            </div>
          </li>
        ))}
      </ol>
      {versions.hasNextPage && (
        <div className="border-t border-line p-3 text-center">
          <Button
            size="sm"
            kind="ghost"
            busy={versions.isFetchingNextPage}
            onClick={() => void versions.fetchNextPage()}
          >
            Show earlier ones
          </Button>
        </div>
      )}
      <Comparison version={shown} onClose={() => setShown(undefined)} />
      <Confirm
        open={back !== undefined}
        onClose={() => setBack(undefined)}
        title={`Roll back to version ${back?.version ?? ""}?`}
        verb={isDirty ? "Discard my edits and roll back" : "Roll back"}
        danger={isDirty}
        onConfirm={async () => {
          if (back === undefined) return;
          const now = (await told(
            api.POST("/api/personas/{id}/rollback", {
              params: { path: { id } },
              body: { version: back.version },
            }),
          )) as Schemas["PersonaOut"];
          discard();
          took(now);
          toast(`Version ${back.version} is published again, as version ${now.version}.`);
        }}
      >
        <div className="flex flex-col gap-3">
          <p>
            Calls that begin from then on get it, and the draft becomes it, too. What is published
            now stays in this list; what is in the draft only is gone.
          </p>
          {isDirty && (
            <Notice level="warning">You have unsaved edits. They are discarded with the draft.</Notice>
          )}
        </div>
      </Confirm>
    </Card>
  );
}

function Comparison({ version, onClose }: { version: Version | undefined; onClose: () => void }) {
  const { id, doc } = useEditing();
  const number = version?.version ?? 0;
  const old = useQuery({
    queryKey: keys.personaPart(id, `version ${number}`),
    enabled: number > 0,
    staleTime: Infinity,
    queryFn: async () =>
      (await told(
        api.GET("/api/personas/{id}/versions/{version}", {
          params: { path: { id, version: number } },
        }),
      )) as Doc,
  });
  const found = old.data ? changes(old.data, doc) : [];
  return (
    <Dialog
      wide
      open={version !== undefined}
      onClose={onClose}
      title={`From version ${number} to the draft`}
    >
      {old.isError && <LoadError error={old.error} retry={() => void old.refetch()} />}
      {old.isPending && <SkeletonLines />}
      {old.data && found.length === 0 && (
        <p className="text-muted">The draft is the same as version {number}.</p>
      )}
      <DiffView changes={found} />
    </Dialog>
  );
}
