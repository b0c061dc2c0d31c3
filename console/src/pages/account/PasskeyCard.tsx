import { KeyRound, Plus, Trash2 } from "lucide-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { account, addPasskey, canPasskey, type Passkey } from "@/api/account";
import { keys, queries } from "@/api/queries";
import { Ago, Button, Card, Confirm, IconButton, LoadError, Skeleton, toast, toastError } from "@/ui";

import type { Proof } from "./proof";

export function PasskeyCard({ proof }: { proof: Proof }) {
  const passkeys = useQuery({ queryKey: keys.account("passkeys"), queryFn: account.passkeys });
  const [busy, setBusy] = useState(false);
  const [removing, setRemoving] = useState<Passkey | null>(null);
  const changed = async () => {
    await queries.invalidateQueries({ queryKey: keys.account("passkeys") });
    await queries.invalidateQueries({ queryKey: keys.me });
  };
  const add = async () => {
    setBusy(true);
    try {
      const done = await proof.attempt(async () => {
        await addPasskey(deviceName());
        return true;
      });
      if (done) toast("The passkey was added.");
      await changed();
    } catch (error) {
      toastError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card
      title="Passkeys"
      description="Sign in with a fingerprint, a face or a security key."
      actions={
        canPasskey && (
          <Button
            size="sm"
            busy={busy}
            icon={<Plus className="size-4" />}
            onClick={() => void add()}
          >
            Add
          </Button>
        )
      }
    >
      {passkeys.isError && <LoadError error={passkeys.error} />}
      {passkeys.isPending && <Skeleton className="h-10" />}
      {passkeys.data?.items.length === 0 && (
        <p className="text-sm text-muted">
          {canPasskey
            ? "None yet."
            : "Passkeys need the server's name and HTTPS (or localhost); this address has neither."}
        </p>
      )}
      <ul className="flex flex-col gap-2">
        {passkeys.data?.items.map((each) => (
          <li key={each.id} className="flex items-center gap-3">
            <KeyRound aria-hidden className="size-4 shrink-0 text-muted" />
            <span className="min-w-0 grow">
              <span className="block truncate text-sm font-medium">{each.label}</span>
              <span className="block text-xs text-muted">
                {each.used_at ? (
                  <>
                    Used <Ago at={each.used_at} />
                  </>
                ) : (
                  "Not used yet"
                )}
              </span>
            </span>
            <IconButton
              size="sm"
              label={`Remove ${each.label}`}
              icon={<Trash2 className="size-4" />}
              onClick={() => setRemoving(each)}
            />
          </li>
        ))}
      </ul>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={`Remove ${removing?.label ?? ""}?`}
        verb="Remove"
        danger
        onConfirm={async () => {
          if (removing === null) return;
          await proof.attempt(() => account.removePasskey(removing.id));
          await changed();
        }}
      >
        It can no longer be used to sign in.
      </Confirm>
    </Card>
  );
}

/** What this device may be called. */
function deviceName(): string {
  const agent = navigator.userAgent;
  const systems: [RegExp, string][] = [
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Android/, "Android"],
    [/Windows/, "Windows"],
    [/Mac/, "Mac"],
    [/Linux/, "Linux"],
  ];
  return systems.find(([pattern]) => pattern.test(agent))?.[1] ?? "This device";
}
