import { useState } from "react";

import { Button, Dialog, Notice, toast, toastError } from "@/ui";

import { changes } from "../editing/changes";
import { changedFields, labelOf, type Doc } from "../editing/document";
import { useEditing } from "../editing/useEditing";
import { DiffView } from "../sections/DiffView";

/** Somebody else has saved: what they changed, what is changed here, and the ways out. */
export function Conflict({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { base, doc, stored, save, takeTheirs, takeBoth } = useEditing();
  const [isBusy, setBusy] = useState(false);
  const theirs = stored.draft as Doc;
  const theirFields = changedFields(base.doc, theirs);
  const myFields = changedFields(base.doc, doc);
  const both = myFields.filter((field) => theirFields.includes(field));
  const names = (fields: string[]) => fields.map(labelOf).join(", ");

  const overwrite = async () => {
    setBusy(true);
    try {
      if (await save(true)) toast("Saved over what the other one had saved.");
      onClose();
    } catch (error) {
      toastError(error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog
      wide
      open={open}
      onClose={onClose}
      title="Somebody else has saved this persona"
      description="Since you began. Nothing that you typed is lost: choose how to go on."
      footer={
        <>
          <Button
            onClick={() => {
              takeTheirs();
              onClose();
            }}
          >
            Reload, and drop mine
          </Button>
          <Button kind="danger" busy={isBusy} onClick={() => void overwrite()}>
            Overwrite theirs
          </Button>
          <Button
            kind="primary"
            onClick={() => {
              takeBoth();
              onClose();
            }}
          >
            Put mine into theirs
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-5">
        <Notice level={both.length > 0 ? "warning" : "info"}>
          {both.length > 0
            ? `Both changed: ${names(both)}. If you put yours into theirs, yours is what stays there; their other changes are kept.`
            : "You have changed different fields, so both can be kept."}
        </Notice>
        <section className="flex flex-col gap-3">
          <h3 className="font-semibold">What they changed</h3>
          <DiffView changes={changes(base.doc, theirs)} />
        </section>
        <section className="flex flex-col gap-3">
          <h3 className="font-semibold">What you changed</h3>
          <DiffView changes={changes(base.doc, doc)} />
        </section>
      </div>
    </Dialog>
  );
}
