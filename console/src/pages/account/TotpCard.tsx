import { useState } from "react";

import { account, type Me } from "@/api/account";
import { keys, queries } from "@/api/queries";
import { Badge, Button, Card, Confirm, Dialog, toastError } from "@/ui";

import type { Proof } from "./proof";
import { RecoveryCodes } from "./RecoveryCodes";
import { TotpSetup } from "./TotpSetup";

export function TotpCard({ me, proof }: { me: Me; proof: Proof }) {
  const [shown, setShown] = useState<"" | "setup" | "off">("");
  const [codes, setCodes] = useState<string[] | null>(null);
  const close = () => {
    setShown("");
    setCodes(null);
    void queries.invalidateQueries({ queryKey: keys.me });
  };
  const renew = () =>
    void proof
      .attempt(account.newRecoveryCodes)
      .then((made) => made && setCodes(made.codes), toastError);

  return (
    <Card
      title={
        <span className="flex items-center gap-2">
          Authenticator app
          {me.totp ? <Badge tone="ok">On</Badge> : <Badge>Off</Badge>}
        </span>
      }
      description="A code of six digits is asked for with the password."
      actions={
        me.totp ? (
          <Button size="sm" onClick={() => setShown("off")}>
            Turn off
          </Button>
        ) : (
          <Button size="sm" onClick={() => setShown("setup")}>
            Set up
          </Button>
        )
      }
    >
      <div className="flex items-center justify-between gap-4">
        {me.totp ? (
          <>
            <p className="text-sm text-muted">
              {me.recovery_codes === 0
                ? "No recovery code is left."
                : `${me.recovery_codes} recovery codes are left, for when the app is lost.`}
            </p>
            <Button size="sm" onClick={renew}>
              New codes
            </Button>
          </>
        ) : (
          <p className="text-sm text-muted">Without it, the password alone opens the account.</p>
        )}
      </div>
      <Dialog open={shown === "setup"} onClose={close} title="Set up an authenticator app">
        <TotpSetup proof={proof} onDone={close} onCancel={close} />
      </Dialog>
      <Dialog open={codes !== null} onClose={close} title="New recovery codes">
        {codes && <RecoveryCodes codes={codes} onDone={close} />}
      </Dialog>
      <Confirm
        open={shown === "off"}
        onClose={close}
        title="Turn codes off?"
        verb="Turn off"
        danger
        onConfirm={() => proof.attempt(account.endTotp)}
      >
        Then the password alone opens the account, and the recovery codes are worth nothing.
      </Confirm>
    </Card>
  );
}
