import { LogOut, Mail, Plus, Trash2 } from "lucide-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";

import { account, type Administrator } from "@/api/account";
import { keys, queries, useMe } from "@/api/queries";
import { cx } from "@/lib/cx";
import { day, moment } from "@/lib/format";
import { setTheme, useTheme } from "@/lib/theme";
import { live } from "@/live/socket";
import { THEMES } from "@/shell/ThemeMenu";
import {
  Ago,
  Badge,
  Button,
  Card,
  Confirm,
  CopyButton,
  Dialog,
  IconButton,
  LoadError,
  Notice,
  Page,
  SkeletonLines,
  Table,
  toast,
  toastError,
} from "@/ui";

import { PasskeyCard } from "./PasskeyCard";
import { PasswordCard } from "./PasswordCard";
import { ProofDialog, useProof } from "./proof";
import { TotpCard } from "./TotpCard";

export default function AccountPage() {
  const me = useMe();
  const proof = useProof();
  const [, go] = useLocation();
  const signOut = useMutation({
    mutationFn: account.signOut,
    onError: toastError,
    onSuccess: () => {
      live.close();
      queries.clear();
      go("/signin", { replace: true });
    },
  });
  if (me.data === undefined) return null;
  const { name } = me.data;

  return (
    <Page
      title="Account"
      description={
        name === null ? (
          "This session was opened by a link."
        ) : (
          <>
            You are signed in as <strong className="text-ink">{name}</strong>.
          </>
        )
      }
      actions={
        <Button
          icon={<LogOut className="size-4" />}
          busy={signOut.isPending}
          onClick={() => signOut.mutate()}
        >
          Sign out
        </Button>
      }
    >
      {name === null && (
        <Notice
          level="warning"
          title="You cannot come back yet"
          action={
            <Button size="sm" kind="primary" onClick={() => go("/welcome")}>
              Choose a name
            </Button>
          }
        >
          Choose a name and a password before this session ends ({moment(me.data.session.expires_at)}
          ).
        </Notice>
      )}
      {name !== null && (
        <>
          <div className="grid items-start gap-6 lg:grid-cols-2">
            <PasswordCard proof={proof} />
            <PasskeyCard proof={proof} />
            <TotpCard me={me.data} proof={proof} />
            <Appearance />
          </div>
          <SessionsCard />
          <AdministratorsCard mine={me.data.id} proof={proof} />
        </>
      )}
      {name === null && <Appearance />}
      <ProofDialog proof={proof} />
    </Page>
  );
}

function Appearance() {
  const theme = useTheme();
  return (
    <Card title="Appearance" description="Of this browser.">
      <div role="radiogroup" aria-label="Theme" className="grid grid-cols-3 gap-2">
        {THEMES.map(({ theme: each, label, icon: Icon }) => (
          <button
            key={each}
            type="button"
            role="radio"
            aria-checked={theme === each}
            onClick={() => setTheme(each)}
            className={cx(
              "flex flex-col items-center gap-1.5 rounded-lg border px-2 py-3 text-sm",
              theme === each
                ? "border-accent bg-accent-soft font-medium text-accent"
                : "border-line-strong/50 text-muted hover:bg-hover hover:text-ink",
            )}
          >
            <Icon aria-hidden className="size-5" />
            {label}
          </button>
        ))}
      </div>
    </Card>
  );
}

const METHODS = {
  link: "by link",
  invitation: "by invitation",
  password: "by password",
  passkey: "by passkey",
};

function SessionsCard() {
  const sessions = useQuery({ queryKey: keys.account("sessions"), queryFn: account.sessions });
  const changed = () => queries.invalidateQueries({ queryKey: keys.account("sessions") });
  const end = useMutation({
    mutationFn: account.endSession,
    onSuccess: () => {
      toast("The session was ended.");
      return changed();
    },
    onError: toastError,
  });
  const endOthers = useMutation({
    mutationFn: account.endOtherSessions,
    onSuccess: () => {
      toast("All other sessions were ended.");
      return changed();
    },
    onError: toastError,
  });
  const items = sessions.data?.items ?? [];
  return (
    <Card
      flush
      title="Sessions"
      description="Where you are signed in."
      actions={
        items.length > 1 && (
          <Button size="sm" busy={endOthers.isPending} onClick={() => endOthers.mutate()}>
            End all others
          </Button>
        )
      }
    >
      {sessions.isError && (
        <div className="p-5">
          <LoadError error={sessions.error} retry={() => void sessions.refetch()} />
        </div>
      )}
      {sessions.isPending && (
        <div className="p-5">
          <SkeletonLines />
        </div>
      )}
      {items.length > 0 && (
        <Table
          caption="Sessions"
          rows={items}
          rowKey={(each) => each.id}
          columns={[
            {
              head: "Browser",
              cell: (each) => (
                <span className="flex flex-wrap items-center gap-2">
                  <span className="font-medium">{each.device || "Unknown"}</span>
                  {each.current && <Badge tone="ok">This one</Badge>}
                </span>
              ),
            },
            { head: "Address", wideOnly: true, cell: (each) => each.address || "–" },
            { head: "Signed in", wideOnly: true, cell: (each) => METHODS[each.method] },
            { head: "Last used", cell: (each) => <Ago at={each.used_at} /> },
            {
              head: <span className="sr-only">Actions</span>,
              numeric: true,
              cell: (each) =>
                !each.current && (
                  <Button size="sm" onClick={() => end.mutate(each.id)}>
                    End
                  </Button>
                ),
            },
          ]}
        />
      )}
    </Card>
  );
}

interface AdministratorsProps {
  mine: string | null;
  proof: ReturnType<typeof useProof>;
}

function AdministratorsCard({ mine, proof }: AdministratorsProps) {
  const all = useQuery({ queryKey: keys.account("administrators"), queryFn: account.administrators });
  const [link, setLink] = useState<{ link: string; expires_at: string } | null>(null);
  const [removing, setRemoving] = useState<Administrator | null>(null);
  const invite = () =>
    void proof.attempt(account.invite).then((made) => made && setLink(made), toastError);
  return (
    <Card
      flush
      title="Administrators"
      description="Who can sign in here. All of them may do everything."
      actions={
        <Button size="sm" icon={<Plus className="size-4" />} onClick={invite}>
          Invite
        </Button>
      }
    >
      {all.isError && (
        <div className="p-5">
          <LoadError error={all.error} retry={() => void all.refetch()} />
        </div>
      )}
      {all.data && (
        <Table
          caption="Administrators"
          rows={all.data.items}
          rowKey={(each) => each.id}
          columns={[
            {
              head: "Name",
              cell: (each) => (
                <span className="flex flex-wrap items-center gap-2">
                  <span className="font-medium">{each.name}</span>
                  {each.id === mine && <Badge tone="ok">You</Badge>}
                </span>
              ),
            },
            {
              head: "Second factor",
              cell: (each) => {
                const has = [each.totp && "App", each.passkeys > 0 && "Passkey"].filter(Boolean);
                return has.length > 0 ? has.join(", ") : <Badge tone="warn">None</Badge>;
              },
            },
            { head: "Since", wideOnly: true, cell: (each) => day(each.created_at) },
            {
              head: <span className="sr-only">Actions</span>,
              numeric: true,
              cell: (each) =>
                each.id !== mine && (
                  <IconButton
                    size="sm"
                    label={`Remove ${each.name}`}
                    icon={<Trash2 className="size-4" />}
                    onClick={() => setRemoving(each)}
                  />
                ),
            },
          ]}
        />
      )}
      <Dialog
        open={link !== null}
        onClose={() => setLink(null)}
        title="Invite an administrator"
        description="Whoever opens this link first becomes an administrator, or gets a new password."
      >
        {link && (
          <div className="flex flex-col gap-3">
            <code className="block rounded-md bg-sunken px-3 py-2.5 font-mono text-sm break-all select-all">
              {link.link}
            </code>
            <div className="flex items-center justify-between gap-3">
              <span className="flex items-center gap-1.5 text-sm text-muted">
                <Mail aria-hidden className="size-4" /> Valid until {moment(link.expires_at)}
              </span>
              <CopyButton text={link.link} />
            </div>
          </div>
        )}
      </Dialog>
      <Confirm
        open={removing !== null}
        onClose={() => setRemoving(null)}
        title={`Remove ${removing?.name ?? ""}?`}
        verb="Remove"
        danger
        onConfirm={async () => {
          if (removing === null) return;
          await proof.attempt(() => account.removeAdministrator(removing.id));
          await queries.invalidateQueries({ queryKey: keys.account("administrators") });
        }}
      >
        Their sessions end at once.
      </Confirm>
    </Card>
  );
}
