import { useMutation } from "@tanstack/react-query";
import { CircleAlert, CircleCheck, Copy, PhoneOutgoing, Plus, Stethoscope, Trash2 } from "lucide-react";
import { useState, type ReactNode } from "react";

import { api, told, type Schemas } from "@/api/client";
import {
  Button,
  Card,
  Confirm,
  Field,
  IconButton,
  Input,
  LoadError,
  Notice,
  Switch,
  Textarea,
  toast,
} from "@/ui";

import { useEditing } from "../editing/useEditing";

const PHONE = /^\+[1-9][0-9]{1,14}$/;

/** Deploy > Phone (Twilio). */
export function DeploySection() {
  const { doc, set, problem } = useEditing();
  const { telephone } = doc;
  const put = (fields: Partial<typeof telephone>) => set({ telephone: { ...telephone, ...fields } });
  return (
    <>
      <div>
        <h2 className="text-xl font-semibold">Phone (Twilio)</h2>
        <p className="text-muted">
          The server answers and makes telephone calls over the operator's Twilio account.
        </p>
      </div>
      <Reach />
      <Card
        title="Numbers"
        description="At which this persona answers; the first one is shown when it calls out."
      >
        <Entries
          label="Number"
          entries={telephone.numbers}
          onChange={(numbers) => put({ numbers: numbers.map((each) => each.replace(/[\s()-]/g, "")) })}
          problem={(at) => problem(`telephone.numbers[${at}]`)}
          placeholder="+14155550100"
          type="tel"
          add="Add number"
        />
      </Card>
      <Card
        title="Transfers"
        description="Where a call may be transferred: numbers, or names of outgoing.contacts in the configuration. The action is transfer_call_to."
      >
        <Entries
          label="Transfer target"
          entries={telephone.transfer_to}
          onChange={(targets) => put({ transfer_to: targets })}
          problem={(at) => problem(`telephone.transfer_to[${at}]`)}
          placeholder="+14155550101 or front desk"
          add="Add target"
        />
      </Card>
      <Card title="Recording and voicemail">
        <div className="flex flex-col gap-5">
          <Switch
            label="Record calls"
            hint="Both sides, as they were heard. Outgoing calls only if the operator allows it."
            checked={telephone.recording}
            onChange={(recording) => put({ recording })}
          />
          {telephone.recording && (
            <>
              <Field
                label="Announcement"
                hint="Said before the recording begins."
                error={problem("telephone.recording_announcement")}
              >
                <Textarea
                  rows={2}
                  maxLength={5000}
                  value={telephone.recording_announcement}
                  placeholder="This call is recorded."
                  onChange={(event) => put({ recording_announcement: event.target.value })}
                />
              </Field>
              {telephone.recording_announcement.trim() === "" && (
                <Notice level="warning">
                  Without an announcement callers do not learn that they are recorded. In many
                  countries they must.
                </Notice>
              )}
            </>
          )}
          <Field
            label="Voicemail message"
            hint="Left on an answering machine when it calls out. Empty: it hangs up."
            error={problem("telephone.voicemail_message")}
          >
            <Textarea
              rows={2}
              maxLength={5000}
              value={telephone.voicemail_message}
              onChange={(event) => put({ voicemail_message: event.target.value })}
            />
          </Field>
        </div>
      </Card>
      <TestCall />
    </>
  );
}

/** The webhook, and whether calls reach the persona. */
function Reach() {
  const { id, stored, changed } = useEditing();
  const check = useMutation({
    mutationFn: () =>
      told(
        api.POST("/api/personas/{id}/telephone/check", { params: { path: { id } } }),
      ) as Promise<Schemas["TelephoneOut"]>,
  });
  const found = check.data;
  const own = stored.draft.telephone.numbers.length > 0 ? "" : `?persona=${id}`;
  const url = found?.webhook_url || `${location.origin}/twilio/voice${own}`;
  const number = stored.draft.telephone.numbers[0] ?? `+14155550100 --persona ${id}`;
  const isPublic = location.protocol === "https:";
  const copy = () =>
    navigator.clipboard.writeText(url).then(
      () => toast("The address is copied."),
      () => toast("The browser does not allow copying: select the address instead.", "error"),
    );
  const wrong = found?.findings.filter((each) => !each.ok).length ?? 0;
  return (
    <Card
      title="Connect a number"
      description={
        <>
          In Twilio's console, set the number's “A call comes in” to this webhook, with HTTP POST.
          Or let the server do it: <code>voice-agent twilio connect {number}</code>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <Field label="Webhook URL">
          <ReadOnly value={url} onCopy={() => void copy()} />
        </Field>
        {!found && !isPublic && (
          <p className="text-sm text-muted">
            As this browser reaches the server. Twilio needs its public https address: the check
            tells it, or what to configure.
          </p>
        )}
        <div className="flex flex-wrap items-center gap-3">
          <Button
            icon={<Stethoscope className="size-4" />}
            busy={check.isPending}
            onClick={() => check.mutate()}
          >
            Check now
          </Button>
          <span className="text-sm text-muted">
            Looks at the account, the numbers, the public address, the signatures and the media
            socket.
          </span>
        </div>
        {changed.includes("telephone") && (
          <p className="text-sm text-warn">The saved draft is checked: save your edits first.</p>
        )}
        {check.isError && <LoadError error={check.error} />}
        {found && (
          <div role="status" className="flex flex-col gap-3">
            <p className={wrong > 0 ? "font-medium text-danger" : "font-medium text-ok"}>
              {found.findings.length === 0
                ? "The server has no telephone."
                : wrong > 0
                  ? `${wrong} of ${found.findings.length} checks failed.`
                  : "Calls reach the persona."}
            </p>
            <ul aria-label="What was checked" className="flex flex-col gap-1.5 text-sm">
              {found.findings.map((each, at) => (
                <li key={at} className="flex items-start gap-2">
                  {each.ok ? (
                    <CircleCheck
                      role="img"
                      aria-label="Fine"
                      className="mt-0.5 size-4 shrink-0 text-ok"
                    />
                  ) : (
                    <CircleAlert
                      role="img"
                      aria-label="To be mended"
                      className="mt-0.5 size-4 shrink-0 text-danger"
                    />
                  )}
                  <span className="min-w-0 break-words">{marked(each.message)}</span>
                </li>
              ))}
            </ul>
            {found.numbers.length > 0 && (
              <div className="text-sm">
                <h3 className="font-medium">Numbers of the account</h3>
                <ul className="text-muted">
                  {found.numbers.map((each) => (
                    <li key={each.number} className="break-all">
                      <span className="tabular text-ink">{each.number}</span>:{" "}
                      {each.here ? "leads to this server" : each.webhook || "leads nowhere"}
                    </li>
                  ))}
                </ul>
              </div>
            )}
          </div>
        )}
      </div>
    </Card>
  );
}

/** What stands in backticks, as code. */
function marked(text: string): ReactNode {
  return text
    .split("`")
    .map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}

function ReadOnly({ value, onCopy, ...rest }: { value: string; onCopy: () => void }) {
  return (
    <div className="flex gap-2">
      <Input
        {...rest}
        readOnly
        value={value}
        className="font-mono text-sm"
        onFocus={(event) => event.target.select()}
      />
      <Button icon={<Copy className="size-4" />} onClick={onCopy}>
        Copy
      </Button>
    </div>
  );
}

interface EntriesProps {
  label: string;
  entries: readonly string[];
  onChange: (entries: string[]) => void;
  problem: (at: number) => string | undefined;
  placeholder: string;
  type?: string;
  add: string;
}

function Entries({ label, entries, onChange, problem, placeholder, type, add }: EntriesProps) {
  return (
    <div className="flex flex-col items-start gap-3">
      <ul className="flex w-full max-w-lg flex-col gap-2 empty:hidden">
        {entries.map((each, at) => (
          <li key={at} className="flex items-start gap-2">
            <Field label={`${label} ${at + 1}`} hiddenLabel error={problem(at)} className="grow">
              <Input
                type={type}
                value={each}
                placeholder={placeholder}
                onChange={(event) =>
                  onChange(entries.map((old, n) => (n === at ? event.target.value : old)))
                }
              />
            </Field>
            <IconButton
              label={`Delete ${label.toLowerCase()} ${at + 1}`}
              icon={<Trash2 className="size-4" />}
              onClick={() => onChange(entries.filter((_, n) => n !== at))}
            />
          </li>
        ))}
      </ul>
      <Button
        size="sm"
        icon={<Plus className="size-4" />}
        disabled={entries.includes("")}
        onClick={() => onChange([...entries, ""])}
      >
        {add}
      </Button>
    </div>
  );
}

/** Calls somebody with what is published. */
function TestCall() {
  const { id, stored } = useEditing();
  const [number, setNumber] = useState("");
  const [isAsking, setAsking] = useState(false);
  const isNumber = PHONE.test(number);
  return (
    <Card
      title="Test call"
      description="The persona calls you, as it is published. Outgoing calls must be opened in the configuration, section outgoing."
    >
      <form
        className="flex flex-wrap items-end gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          if (isNumber) setAsking(true);
        }}
      >
        <Field
          label="Number"
          className="max-sm:grow"
          error={
            number.length > 7 && !isNumber
              ? "Write it with the country code, such as +14155550123."
              : undefined
          }
        >
          <Input
            type="tel"
            required
            value={number}
            placeholder="+14155550123"
            onChange={(event) => setNumber(event.target.value.replace(/[\s()-]/g, ""))}
          />
        </Field>
        <Button
          type="submit"
          icon={<PhoneOutgoing className="size-4" />}
          disabled={!isNumber || stored.version === 0}
        >
          Call
        </Button>
        {stored.version === 0 && (
          <span className="text-sm text-muted">Publish it first: drafts call nobody.</span>
        )}
      </form>
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Call ${number}?`}
        verb="Call now"
        onConfirm={async () => {
          const call = await told(
            api.POST("/api/personas/{id}/makecall", {
              params: { path: { id } },
              body: { phoneNumber: number, details: {} },
            }),
          );
          toast(`Calling ${call.phoneNumber}.`);
        }}
      >
        A real telephone rings, and the carrier charges for it. Call only people who want to be
        called.
      </Confirm>
    </Card>
  );
}
