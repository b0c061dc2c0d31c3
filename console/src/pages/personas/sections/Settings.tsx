import { Card, Field, Input, Notice, Switch } from "@/ui";

import { useEditing } from "../editing/useEditing";

const LANGUAGES = ["en", "en-GB", "de", "fr", "es", "it", "nl", "pt-BR", "pl", "hi", "ja"];
const ZONES: string[] = Intl.supportedValuesOf("timeZone");

export function SettingsSection() {
  const { doc, set, problem } = useEditing();
  return (
    <>
      <Card title="Settings">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label="Name"
            hint="Unique; callers do not hear it."
            error={problem("name")}
            className="sm:col-span-2"
          >
            <Input
              value={doc.name}
              required
              maxLength={100}
              onChange={(event) => set({ name: event.target.value })}
            />
          </Field>
          <Field
            label="Language"
            hint="A tag, such as en or pt-BR."
            error={problem("language")}
          >
            <Input
              value={doc.language}
              list="persona-languages"
              maxLength={35}
              onChange={(event) => set({ language: event.target.value })}
            />
          </Field>
          <datalist id="persona-languages">
            {LANGUAGES.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
          <Field
            label="Time zone"
            hint="Of {{currentDatetime}}, unless the conversation brings one."
            error={problem("timezone")}
          >
            <Input
              value={doc.timezone}
              list="persona-zones"
              maxLength={100}
              onChange={(event) => set({ timezone: event.target.value })}
            />
          </Field>
          <datalist id="persona-zones">
            {["UTC", ...ZONES].map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
        </div>
      </Card>
      <Card title="Others in the conversation">
        <div className="flex flex-col gap-4">
          <Switch
            label="In-call users"
            hint="The owner may join a conversation of this persona, and both talk with the caller."
            checked={doc.in_call_users}
            onChange={(next) => set({ in_call_users: next })}
          />
          <Notice>
            Joining is not built yet. The setting is kept with the persona, so that it holds from
            the day it is.
          </Notice>
        </div>
      </Card>
    </>
  );
}
