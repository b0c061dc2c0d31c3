import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api, told } from "@/api/client";
import { keys } from "@/api/queries";
import { Ago, Button, Card, Confirm, Field, Input, LoadError, Switch, Table, Textarea, toast } from "@/ui";

import { useEditing } from "../editing/useEditing";

const USUAL = 200;

export function LimitsSection() {
  const { doc, set, problem, verdict } = useEditing();
  const limit = doc.rate_limit;
  const put = (fields: Partial<typeof limit>) => set({ rate_limit: { ...limit, ...fields } });
  const doubtful = verdict?.findings.find((each) => each.field === "rate_limit.message");
  return (
    <>
      <Card
        title="Message limit"
        description="How many messages of one user are answered, over all conversations."
      >
        <div className="flex flex-col gap-5">
          <Switch
            label="Limit messages"
            hint="Users are told apart by details.userId, on the telephone by the caller's number; nobody is counted without one."
            checked={limit.enabled}
            onChange={(enabled) => put({ enabled })}
          />
          {limit.enabled && (
            <>
              <Field
                label="Messages for each user"
                hint={`At most three digits; usually ${USUAL}.`}
                error={problem("rate_limit.count")}
                className="max-w-60"
              >
                <Count count={limit.count} onChange={(count) => put({ count })} />
              </Field>
              <Field
                label="What is said then"
                hint="Spoken as it is; it costs no answer of the model. Empty: a usual one."
                error={
                  problem("rate_limit.message") ??
                  (doubtful && doubtful.severity !== "note" ? doubtful.message : undefined)
                }
              >
                <Textarea
                  rows={2}
                  maxLength={5000}
                  value={limit.message}
                  placeholder="That was all for today. Good-bye!"
                  onChange={(event) => put({ message: event.target.value })}
                />
              </Field>
            </>
          )}
        </div>
      </Card>
      <Users />
    </>
  );
}

/** A number of at most three digits. While it is empty the one before holds. */
function Count({ count, onChange, ...rest }: { count: number; onChange: (count: number) => void }) {
  const [text, setText] = useState(String(count));
  useEffect(() => {
    setText((old) => (Number(old) === count && old !== "" ? old : String(count)));
  }, [count]);
  return (
    <Input
      {...rest}
      inputMode="numeric"
      pattern="[0-9]*"
      maxLength={Math.max(3, String(count).length)}
      value={text}
      onChange={(event) => {
        const digits = event.target.value.replace(/\D/g, "");
        setText(digits);
        if (digits !== "") onChange(Number(digits));
      }}
      onBlur={() => setText(String(count))}
    />
  );
}

function Users() {
  const { id, doc } = useEditing();
  const client = useQueryClient();
  const [reset, setReset] = useState("");
  const users = useInfiniteQuery({
    queryKey: keys.personaPart(id, "users"),
    initialPageParam: "",
    queryFn: async ({ pageParam }) =>
      told(
        api.GET("/api/personas/{id}/users", {
          params: { path: { id }, query: { limit: 50, ...(pageParam && { after: pageParam }) } },
        }),
      ),
    getNextPageParam: (page) => page.next || undefined,
  });
  const items = users.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Card flush title="Users" description="Whose messages were counted.">
      {users.isError && (
        <div className="px-5 pb-4">
          <LoadError error={users.error} retry={() => void users.refetch()} />
        </div>
      )}
      {users.isSuccess && items.length === 0 && (
        <p className="px-4 pb-4 text-sm text-muted sm:px-5">
          Nobody yet.{" "}
          {doc.rate_limit.enabled
            ? "Users appear here once the persona has answered them."
            : "Messages are counted while the limit is on."}
        </p>
      )}
      {items.length > 0 && (
        <Table
          caption="Users whose messages were counted"
          rows={items}
          rowKey={(each) => each.user_id}
          columns={[
            { head: "User", cell: (each) => <span className="break-all">{each.user_id}</span> },
            {
              head: "Messages",
              numeric: true,
              cell: (each) => (each.limit === null ? each.used : `${each.used} of ${each.limit}`),
            },
            { head: "Last", wideOnly: true, cell: (each) => <Ago at={each.updated_at} /> },
            {
              head: <span className="sr-only">Actions</span>,
              numeric: true,
              cell: (each) => (
                <Button
                  size="sm"
                  aria-label={`Reset ${each.user_id}`}
                  onClick={() => setReset(each.user_id)}
                >
                  Reset
                </Button>
              ),
            },
          ]}
        />
      )}
      {users.hasNextPage && (
        <div className="border-t border-line p-3 text-center">
          <Button size="sm" kind="ghost" onClick={() => void users.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      <Confirm
        open={reset !== ""}
        onClose={() => setReset("")}
        title={`Reset ${reset}?`}
        verb="Reset"
        onConfirm={async () => {
          await told(
            api.DELETE("/api/personas/{id}/users/{user}", {
              params: { path: { id, user: reset } },
            }),
          );
          await client.invalidateQueries({ queryKey: keys.personaPart(id, "users") });
          toast(`${reset} begins anew.`);
        }}
      >
        Their messages are counted from none again.
      </Confirm>
    </Card>
  );
}
