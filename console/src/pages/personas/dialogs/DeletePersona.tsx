import { useQueryClient } from "@tanstack/react-query";

import { api, told } from "@/api/client";
import { keys } from "@/api/queries";
import { Confirm, toast } from "@/ui";

import { forget } from "../editing/kept";

export interface DeletePersonaProps {
  persona: { id: string; name: string; version: number } | undefined;
  onClose: () => void;
  onDone?: () => void;
}

export function DeletePersona({ persona, onClose, onDone }: DeletePersonaProps) {
  const client = useQueryClient();
  if (persona === undefined) return null;
  const { id, name, version } = persona;
  return (
    <Confirm
      open
      onClose={onClose}
      title={`Delete ${name}?`}
      verb={`Delete ${name}`}
      danger
      onConfirm={async () => {
        await told(api.DELETE("/api/personas/{id}", { params: { path: { id } } }));
        forget(id);
        onDone?.();
        client.removeQueries({ queryKey: keys.persona(id) });
        await client.invalidateQueries({ queryKey: keys.personas, exact: true });
        toast(`${name} is deleted.`);
      }}
    >
      {version > 0
        ? `${name} answers no call from then on. Its draft and all its versions are gone for good; its conversations are kept.`
        : `Its draft is gone for good; its conversations are kept.`}
    </Confirm>
  );
}
