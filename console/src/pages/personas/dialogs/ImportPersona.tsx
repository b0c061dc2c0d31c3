import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLocation } from "wouter";

import type { Schemas } from "@/api/client";
import { ApiError, sentenceOf } from "@/api/problem";
import { keys } from "@/api/queries";
import { Button, Dialog, Notice, toast } from "@/ui";

import { formatOf, imported, nameIn } from "../editing/files";
import { forget } from "../editing/kept";

export interface ImportPersonaProps {
  file: File | undefined;
  /** The personas that there are: one of the same name is replaced. */
  names: readonly { id: string; name: string }[];
  onClose: () => void;
}

/** Imports the file; asks first if it replaces a draft, and says what is wrong with it. */
export function ImportPersona({ file, names, onClose }: ImportPersonaProps) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const [text, setText] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);

  useEffect(() => {
    setText(undefined);
    setError(undefined);
    if (file) file.text().then(setText, setError);
  }, [file]);

  const name = file && text !== undefined ? nameIn(text, formatOf(file)) : "";
  const old = names.find((each) => each.name === name);
  const take = async () => {
    if (file === undefined || text === undefined) return;
    setBusy(true);
    try {
      const saved = await imported<Schemas["SavedPersona"]>(text, formatOf(file));
      forget(saved.id);
      client.setQueryData(keys.persona(saved.id), saved);
      void client.invalidateQueries({ queryKey: keys.personas, exact: true });
      toast(`${saved.name} is imported as a draft.`);
      onClose();
      go(`/personas/${saved.id}`);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  };

  if (file === undefined) return null;
  const fields = error instanceof ApiError ? error.fields : [];
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Import ${file.name}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            kind="primary"
            busy={isBusy}
            disabled={text === undefined || error !== undefined}
            onClick={() => void take()}
          >
            {old ? "Replace the draft" : "Import"}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        {error === undefined && old && (
          <Notice level="warning">
            There is a persona {old.name} already. Its draft is replaced; calls go on with what is
            published.
          </Notice>
        )}
        {error === undefined && !old && text !== undefined && (
          <p className="text-muted">
            {name ? `${name} becomes a new draft.` : "It becomes a draft."} Calls get it once it is
            published.
          </p>
        )}
        {error !== undefined && (
          <Notice level="error" title={fields.length > 0 ? "It cannot be imported" : undefined}>
            {fields.length > 0 ? (
              <ul className="list-disc pl-4">
                {fields.map((each, at) => (
                  <li key={at}>
                    {each.field && <code>{each.field}: </code>}
                    {each.message}
                  </li>
                ))}
              </ul>
            ) : (
              sentenceOf(error)
            )}
          </Notice>
        )}
      </div>
    </Dialog>
  );
}
