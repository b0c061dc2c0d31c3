import { useRef, useState, type FormEvent } from "react";

import { account } from "@/api/account";
import { ApiError, sentenceOf } from "@/api/problem";
import { Button, Dialog, Field, Input } from "@/ui";

/** Asks for the password again where the server wants that (403 `authenticate_again`). */
export interface Proof {
  /** Do it; first ask for the password if that is needed. Undefined if that was given up. */
  attempt: <T>(act: () => Promise<T>) => Promise<T | undefined>;
  asking: boolean;
  /** The dialog's answer. */
  settle: (proved: boolean) => void;
}

export function useProof(): Proof {
  const [asking, setAsking] = useState(false);
  const waiting = useRef<((proved: boolean) => void) | null>(null);
  return {
    asking,
    attempt: async (act) => {
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof ApiError && error.code === "authenticate_again")) throw error;
      }
      const proved = await new Promise<boolean>((resolve) => {
        waiting.current = resolve;
        setAsking(true);
      });
      return proved ? await act() : undefined;
    },
    settle: (proved) => {
      setAsking(false);
      waiting.current?.(proved);
      waiting.current = null;
    },
  };
}

export function ProofDialog({ proof }: { proof: Proof }) {
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const close = (proved: boolean) => {
    setPassword("");
    setError("");
    proof.settle(proved);
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await account.prove(password);
      close(true);
    } catch (thrown) {
      setError(sentenceOf(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={proof.asking}
      onClose={() => close(false)}
      title="Is it you?"
      description="You signed in a while ago. Give your password again to change this."
    >
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4 pb-2">
        <Field label="Password" error={error}>
          <Input
            type="password"
            autoComplete="current-password"
            autoFocus
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </Field>
        <div className="flex justify-end gap-2">
          <Button onClick={() => close(false)}>Cancel</Button>
          <Button type="submit" kind="primary" busy={busy}>
            Go on
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
