import { useState, type FormEvent } from "react";

import { account } from "@/api/account";
import { ApiError, sentenceOf } from "@/api/problem";
import { keys, queries } from "@/api/queries";
import { Button, Card, Notice, toast } from "@/ui";

import { NewPassword } from "./NewPassword";
import type { Proof } from "./proof";

export function PasswordCard({ proof }: { proof: Proof }) {
  const [password, setPassword] = useState("");
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const ofField = error instanceof ApiError ? error.field("password") : undefined;

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const done = await proof.attempt(async () => {
        await account.setPassword(password);
        return true;
      });
      if (done) {
        setPassword("");
        setOpen(false);
        toast("The password was changed, and all other sessions were ended.");
        await queries.invalidateQueries({ queryKey: keys.account("sessions") });
      }
    } catch (thrown) {
      setError(thrown);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Card
      title="Password"
      description="Changing it ends all other sessions."
      actions={
        !open && (
          <Button size="sm" onClick={() => setOpen(true)}>
            Change
          </Button>
        )
      }
    >
      {open ? (
        <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
          {error !== null && !ofField && <Notice level="error">{sentenceOf(error)}</Notice>}
          <NewPassword
            label="New password"
            value={password}
            onChange={setPassword}
            error={ofField}
          />
          <div className="flex justify-end gap-2">
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button type="submit" kind="primary" busy={busy}>
              Change
            </Button>
          </div>
        </form>
      ) : (
        <p aria-hidden className="tracking-widest text-muted">
          ••••••••••••
        </p>
      )}
    </Card>
  );
}
