/** Actions that can be put into a schema. */

export interface Builtin {
  name: string;
  label: string;
  says: string;
  action: Record<string, unknown>;
}

const example = (said: string, name: string, value: unknown) => ({
  "user says": said,
  "assistant action includes": { [name]: value },
});

export const BUILTINS: readonly Builtin[] = [
  {
    name: "hang_up_call",
    label: "Hang up",
    says: "Ends the call after the last word.",
    action: {
      _description: "When the conversation is over and the caller has said good-bye.",
      _examples: [example("That was all, bye", "hang_up_call", true)],
    },
  },
  {
    name: "transfer_call_to",
    label: "Transfer",
    says: "To the numbers and names that Deploy lists.",
    action: {
      _description: "When the caller wants to speak to a person.",
      _examples: [example("Can I talk to somebody?", "transfer_call_to", "front desk")],
      type: "string",
    },
  },
  {
    name: "send_sms",
    label: "Send a text message",
    says: "To the other party of the call.",
    action: {
      _description: "When the caller wants something in writing.",
      _examples: [example("Can you text me the address?", "send_sms", "12 Harbour Street")],
      type: "string",
    },
  },
  {
    name: "press_phone_keys",
    label: "Press keys",
    says: "For the menu of another telephone system.",
    action: {
      _description: "When a telephone menu asks for one key or several.",
      _examples: [example("For the sales team, press five.", "press_phone_keys", [5])],
      type: "array",
    },
  },
  {
    name: "save_email_address",
    label: "Save a value",
    says: "Puts what was told into the conversation's state, checked and read back.",
    action: {
      _action_type: "update_state",
      _description: "When the caller has told an e-mail address. Read it back afterwards.",
      _examples: [
        example("It is ann@example.com", "save_email_address", { email_address: "ann@example.com" }),
      ],
      _validators: { email_address: "email" },
      type: "object",
      properties: { email_address: { type: "string" } },
      required: ["email_address"],
    },
  },
  {
    name: "call_webhook",
    label: "Call a webhook",
    says: "Sends values to an address of yours and speaks of the answer.",
    action: {
      _action_type: "webhook",
      _description: "When the order is complete.",
      _examples: [example("Yes, order it", "call_webhook", { dish: "lasagna" })],
      _webhook_constants: { url: "https://example.com/orders", method: "POST" },
      type: "object",
      properties: { dish: { type: "string" } },
      required: ["dish"],
    },
  },
];

/** The schema with the action, under a name that is free. */
export function withAction(
  schema: Record<string, unknown> | null,
  { name, action }: Builtin,
): { schema: Record<string, unknown>; name: string } {
  const begun = schema ?? { $schema: "http://json-schema.org/draft-07/schema#", type: "object" };
  const old = begun.properties;
  const actions = typeof old === "object" && old !== null ? (old as Record<string, unknown>) : {};
  let free = name;
  for (let n = 2; free in actions; n++) free = `${name}_${n}`;
  // Examples name the action.
  const own = JSON.parse(JSON.stringify(action).replaceAll(`"${name}":`, `"${free}":`)) as unknown;
  return { schema: { ...begun, properties: { ...actions, [free]: own } }, name: free };
}
