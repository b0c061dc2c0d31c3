import { KeyRound } from "lucide-react";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { useLocation, useSearchParams } from "wouter";

import { account, canPasskey, signInWithPasskey } from "@/api/account";
import { ApiError, sentenceOf } from "@/api/problem";
import { queries } from "@/api/queries";
import { live } from "@/live/socket";
import { Button, Field, Input, Notice } from "@/ui";

import { Frame } from "./Frame";

/** Signing in: with the link behind `#`, with a password and perhaps a code, with a passkey. */
export default function SignInPage() {
  const [link, setLink] = useState(() => /^#link=(.+)/.exec(location.hash)?.[1] ?? "");
  if (link) return <WithLink link={link} onOther={() => setLink("")} />;
  return <WithPassword />;
}

function useEntered() {
  const [, go] = useLocation();
  const [search] = useSearchParams();
  return async () => {
    queries.clear();
    const me = await account.me();
    live.now();
    const to = search.get("to") ?? "";
    go(me.name === null ? "/welcome" : to.startsWith("/") ? to : "/playground", { replace: true });
  };
}

// The link is worth one sign-in, and a preview in a chat opens it too: so it takes a click.
function WithLink({ link, onOther }: { link: string; onOther: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const entered = useEntered();

  const signIn = async () => {
    setBusy(true);
    setError("");
    try {
      await account.withLink(link);
      // A used link is of no worth, but does not belong into the history either.
      history.replaceState(null, "", location.pathname);
      await entered();
    } catch (thrown) {
      setError(sentenceOf(thrown));
      setBusy(false);
    }
  };

  return (
    <Frame
      title="Welcome"
      description="This link signs you in as an administrator. It works once."
      below={
        <p>
          The server prints a new link with <code className="font-mono">voice-agent keys link</code>.
        </p>
      }
    >
      <div className="flex flex-col gap-3">
        {error && <Notice level="error">{error}</Notice>}
        <Button kind="primary" size="lg" busy={busy} autoFocus onClick={() => void signIn()}>
          Sign in
        </Button>
        {error && (
          <Button
            onClick={() => {
              history.replaceState(null, "", location.pathname);
              onOther();
            }}
          >
            Sign in with a password
          </Button>
        )}
      </div>
    </Frame>
  );
}

function WithPassword() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [codeNeeded, setCodeNeeded] = useState(false);
  const [busy, setBusy] = useState<"" | "password" | "passkey">("");
  const [error, setError] = useState("");
  const codeBox = useRef<HTMLInputElement>(null);
  const entered = useEntered();

  useEffect(() => {
    if (codeNeeded) codeBox.current?.focus();
  }, [codeNeeded]);

  const attempt = async (how: "password" | "passkey", act: () => Promise<unknown>) => {
    setBusy(how);
    setError("");
    try {
      await act();
      await entered();
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.code === "code_needed") setCodeNeeded(true);
      else setError(sentenceOf(thrown));
      setBusy("");
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void attempt("password", () => account.withPassword(name, password, code.trim()));
  };

  return (
    <Frame
      title="Sign in"
      below={
        <p>
          No account yet, or locked out? On the server,{" "}
          <code className="font-mono">voice-agent keys link</code> prints a link that signs you in.
        </p>
      }
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        {error && <Notice level="error">{error}</Notice>}
        <Field label="Name">
          <Input
            name="username"
            autoComplete="username webauthn"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </Field>
        <Field label="Password">
          <Input
            name="password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </Field>
        {codeNeeded && (
          <Field label="Code" hint="Of your authenticator app, or one of your recovery codes.">
            <Input
              ref={codeBox}
              name="code"
              autoComplete="one-time-code"
              inputMode="text"
              spellCheck={false}
              required
              className="tabular text-lg tracking-widest"
              value={code}
              onChange={(event) => setCode(event.target.value)}
            />
          </Field>
        )}
        <Button type="submit" kind="primary" size="lg" busy={busy === "password"} className="mt-1">
          Sign in
        </Button>
        {canPasskey && (
          <>
            <div aria-hidden className="flex items-center gap-3 text-sm text-muted">
              <span className="h-px grow bg-line" />
              or
              <span className="h-px grow bg-line" />
            </div>
            <Button
              size="lg"
              busy={busy === "passkey"}
              icon={<KeyRound className="size-4.5" />}
              onClick={() => void attempt("passkey", signInWithPasskey)}
            >
              Use a passkey
            </Button>
          </>
        )}
      </form>
    </Frame>
  );
}
