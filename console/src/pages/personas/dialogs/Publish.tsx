import { useState } from "react";

import { api, told, type Schemas } from "@/api/client";
import { ApiError, sentenceOf } from "@/api/problem";
import { count } from "@/lib/format";
import { Button, Dialog, Notice, toast } from "@/ui";

import { changes } from "../editing/changes";
import type { Doc } from "../editing/document";
import { useEditing } from "../editing/useEditing";
import { DiffView } from "../sections/DiffView";

/** Shows what changes for calls, and publishes it. */
export function Publish({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { id, stored, doc, isDirty, isStale, errors, verdict, save, took } = useEditing();
  const [error, setError] = useState("");
  const [isBusy, setBusy] = useState(false);
  const published = stored.published as Doc | null;
  const found = published ? changes(published, doc) : [];
  const serious = (verdict?.findings ?? []).filter((each) => each.severity === "error");
  const close = () => {
    setError("");
    onClose();
  };

  const publish = async () => {
    setBusy(true);
    setError("");
    try {
      let etag = stored.etag;
      if (isDirty) {
        const saved = await save();
        if (saved === null) return setError("It cannot be saved as it is; see what is marked.");
        etag = saved.etag;
      }
      const now = (await told(
        api.POST("/api/personas/{id}/publish", {
          params: { path: { id } },
          headers: { "If-Match": `"${etag}"` },
        }),
      )) as Schemas["PersonaOut"];
      took(now);
      toast(`Version ${now.version} is published. Calls that begin from now on get it.`);
      close();
    } catch (thrown) {
      const stale = thrown instanceof ApiError && thrown.status === 412;
      setError(
        stale
          ? "Somebody else has changed the draft in the meantime. Close this and look at what changed."
          : sentenceOf(thrown),
      );
    } finally {
      setBusy(false);
    }
  };

  const isSame = published !== null && found.length === 0;
  return (
    <Dialog
      wide
      open={open}
      onClose={close}
      title={`Publish version ${stored.version + 1}`}
      description={
        published === null
          ? "For the first time: from then on calls get it. Live calls keep what they began with."
          : isSame
            ? "Calls already get it as it is here."
            : `${count(found.length, "field")} changed since version ${stored.version}. Live calls keep what they began with.`
      }
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button
            kind="primary"
            busy={isBusy}
            disabled={isSame || errors.length > 0 || (isDirty && isStale)}
            onClick={() => void publish()}
          >
            {isDirty ? "Save and publish" : "Publish"}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {error && <Notice level="error">{error}</Notice>}
        {isDirty && isStale && (
          <Notice level="warning">
            Somebody else has saved another draft since you began. Save yours first: you are then
            shown both.
          </Notice>
        )}
        {errors.length > 0 && (
          <Notice level="error" title="It cannot be saved as it is">
            <ul>
              {errors.slice(0, 5).map((each, at) => (
                <li key={at}>{each.message}</li>
              ))}
            </ul>
          </Notice>
        )}
        {serious.length > 0 && (
          <Notice level="warning" title="Better mended first">
            <ul>
              {serious.map((each, at) => (
                <li key={at}>{each.message}</li>
              ))}
            </ul>
          </Notice>
        )}
        <DiffView changes={found} />
      </div>
    </Dialog>
  );
}
