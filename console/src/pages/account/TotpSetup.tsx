import { useEffect, useRef, useState, type FormEvent } from "react";

import { account, type Totp } from "@/api/account";
import { sentenceOf } from "@/api/problem";
import { Button, Field, Input, Notice, Skeleton } from "@/ui";

import type { Proof } from "./proof";
import { RecoveryCodes } from "./RecoveryCodes";

export interface TotpSetupProps {
  /** None right after signing in: it is not needed then. */
  proof?: Proof;
  onDone: () => void;
  onCancel: () => void;
}

/** Setting up an authenticator app: the QR code, a first code, the recovery codes. */
export function TotpSetup({ proof, onDone, onCancel }: TotpSetupProps) {
  const [setup, setSetup] = useState<Totp | null>(null);
  const [code, setCode] = useState("");
  const [codes, setCodes] = useState<string[] | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const begun = useRef(false);

  useEffect(() => {
    // Once: each beginning makes another secret.
    if (begun.current) return;
    begun.current = true;
    const begin = proof ? proof.attempt(account.beginTotp) : account.beginTotp();
    begin.then(
      (made) => (made ? setSetup(made) : onCancel()),
      (thrown: unknown) => setError(sentenceOf(thrown)),
    );
  }, [proof, onCancel]);

  const confirm = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      setCodes((await account.confirmTotp(code.replaceAll(" ", ""))).codes);
    } catch (thrown) {
      setError(sentenceOf(thrown));
    } finally {
      setBusy(false);
    }
  };

  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  return (
    <form onSubmit={(event) => void confirm(event)} className="flex flex-col gap-4">
      <p className="text-muted">
        Scan this with an authenticator app, then type the code that it shows.
      </p>
      {setup ? (
        <>
          {/* An image, not markup: a picture runs nothing. White around it, so that it scans. */}
          <img
            src={`data:image/svg+xml,${encodeURIComponent(setup.qr)}`}
            alt="QR code for the authenticator app"
            className="mx-auto size-48 rounded-lg border border-line bg-[white] p-2"
          />
          <details className="text-sm">
            <summary className="text-muted">It cannot be scanned?</summary>
            <p className="mt-2">
              Type this key into the app:
              <code className="mt-1 block font-mono text-sm break-all select-all">
                {setup.secret.replace(/(.{4})(?=.)/g, "$1 ")}
              </code>
            </p>
          </details>
        </>
      ) : (
        !error && <Skeleton className="mx-auto size-48" />
      )}
      {error && <Notice level="error">{error}</Notice>}
      <Field label="Code">
        <Input
          autoComplete="one-time-code"
          inputMode="numeric"
          required
          className="tabular text-lg tracking-widest"
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      </Field>
      <div className="flex justify-end gap-2">
        <Button onClick={onCancel}>Cancel</Button>
        <Button type="submit" kind="primary" busy={busy} disabled={setup === null}>
          Turn on
        </Button>
      </div>
    </form>
  );
}
