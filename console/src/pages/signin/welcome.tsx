import { KeyRound, Smartphone } from "lucide-react";
import { useState, type FormEvent } from "react";
import { Redirect, useLocation } from "wouter";

import { account, addPasskey, canPasskey } from "@/api/account";
import { ApiError, sentenceOf } from "@/api/problem";
import { keys, queries, useMe } from "@/api/queries";
import { NewPassword } from "@/pages/account/NewPassword";
import { TotpSetup } from "@/pages/account/TotpSetup";
import { Button, Field, Input, Notice, toast } from "@/ui";

import { Frame } from "./Frame";

/** For a session that a link has opened: a name and a password, then perhaps a second factor. */
export default function WelcomePage() {
  const me = useMe();
  const [named, setNamed] = useState(false);
  if (me.error instanceof ApiError && me.error.status === 401) return <Redirect to="/signin" />;
  if (me.data === undefined) return null;
  if (me.data.name === null) {
    return <NameStep invited={me.data.session.method === "invitation"} onDone={() => setNamed(true)} />;
  }
  return named ? <FactorStep /> : <Redirect to="/playground" replace />;
}

function NameStep({ invited, onDone }: { invited: boolean; onDone: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | Error | null>(null);
  const [, go] = useLocation();
  const field = (of: string) => (error instanceof ApiError ? error.field(of) : undefined);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await account.setPassword(password, name);
      onDone();
      await queries.invalidateQueries({ queryKey: keys.me });
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(sentenceOf(thrown)));
    } finally {
      setBusy(false);
    }
  };

  return (
    <Frame
      title="Make it yours"
      description="Choose a name and a password, so that you can come back without a link."
      below={
        <button type="button" className="underline" onClick={() => go("/playground")}>
          Later
        </button>
      }
    >
      <form onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
        {error && !field("name") && !field("password") && (
          <Notice level="error">{error.message}</Notice>
        )}
        <Field
          label="Name"
          hint={!invited && "If the account exists already, it gets the new password."}
          error={field("name")}
        >
          <Input
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <NewPassword value={password} onChange={setPassword} error={field("password")} />
        <Button type="submit" kind="primary" size="lg" busy={busy} className="mt-1">
          Save
        </Button>
      </form>
    </Frame>
  );
}

function FactorStep() {
  const [, go] = useLocation();
  const [how, setHow] = useState<"" | "totp">("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const done = () => {
    void queries.invalidateQueries({ queryKey: keys.me });
    go("/playground", { replace: true });
  };
  const passkey = async () => {
    setBusy(true);
    setError("");
    try {
      await addPasskey("This device");
      toast("The passkey was added.");
      done();
    } catch (thrown) {
      setError(sentenceOf(thrown));
    } finally {
      setBusy(false);
    }
  };

  if (how === "totp") {
    return (
      <Frame title="Authenticator app">
        <TotpSetup onDone={done} onCancel={() => setHow("")} />
      </Frame>
    );
  }
  return (
    <Frame
      title="Protect the account"
      description="A password alone can be guessed or stolen. Add a second way to prove that it is you."
    >
      <div className="flex flex-col gap-3">
        {error && <Notice level="error">{error}</Notice>}
        {canPasskey && (
          <Choice
            icon={<KeyRound />}
            title="A passkey"
            text="Your fingerprint, face or security key. The quickest way in."
            busy={busy}
            onClick={() => void passkey()}
          />
        )}
        <Choice
          icon={<Smartphone />}
          title="An authenticator app"
          text="A code of six digits that changes every half minute."
          onClick={() => setHow("totp")}
        />
        <Button kind="ghost" onClick={done}>
          Not now
        </Button>
      </div>
    </Frame>
  );
}

interface ChoiceProps {
  icon: React.ReactNode;
  title: string;
  text: string;
  busy?: boolean;
  onClick: () => void;
}

function Choice({ icon, title, text, busy, onClick }: ChoiceProps) {
  return (
    <button
      type="button"
      disabled={busy}
      onClick={onClick}
      className="flex items-center gap-4 rounded-lg border border-line-strong/60 px-4 py-3.5 text-left hover:bg-hover disabled:opacity-50"
    >
      <span aria-hidden className="text-accent [&_svg]:size-6">
        {icon}
      </span>
      <span>
        <span className="block font-medium">{title}</span>
        <span className="block text-sm text-muted">{text}</span>
      </span>
    </button>
  );
}
