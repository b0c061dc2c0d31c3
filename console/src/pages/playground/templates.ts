/** What a new persona can begin with: the personas that come with the server, and a blank one. */
import appointments from "../../../../configs/personas/appointments.toml?raw";
import restaurant from "../../../../configs/personas/restaurant.toml?raw";

import { api, told, type Schemas } from "@/api/client";
import { apiError } from "@/api/problem";

export interface Template {
  id: string;
  title: string;
  text: string;
  /** The file; empty for a blank persona. */
  file: string;
}

export const TEMPLATES: Template[] = [
  {
    id: "restaurant",
    title: "A restaurant's host",
    text: "Answers questions about opening hours, prices and tables. Works with the local models.",
    file: restaurant,
  },
  {
    id: "appointments",
    title: "Appointments",
    text: "Asks for a name, an e-mail address and a time, and keeps them with actions.",
    file: appointments,
  },
  {
    id: "blank",
    title: "Blank",
    text: "A prompt with places to fill in, and nothing else.",
    file: "",
  },
];

const NAME = /^name = "(.*)"$/m;

const PATTERN = `You are [who the persona is, in a sentence].
Your job is [what it is to achieve].
To do that, [how it goes about it, step by step, and what it has to know].

It is {{currentDatetime}}.

[What matters most, once more.] Answer in one or two short sentences: you are on the telephone.
`;

/** Make a persona with a name that none of `taken` has. Throws ApiError. */
export async function makeFrom(
  template: Template,
  taken: readonly string[],
): Promise<Schemas["PersonaOut"]> {
  const wanted = NAME.exec(template.file)?.[1] ?? "New persona";
  let name = wanted;
  for (let number = 2; taken.includes(name); number++) name = `${wanted} ${number}`;
  if (template.file === "") {
    const body = { name, prompt: PATTERN, initial_message: "Hello, how can I help you?" };
    return told(
      api.POST("/api/personas", { body: body as Schemas["Persona-Input"] }),
    );
  }
  const response = await fetch("/api/import", {
    method: "POST",
    headers: { "Content-Type": "application/toml" },
    body: template.file.replace(NAME, `name = ${JSON.stringify(name)}`),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw apiError(answer, response.status);
  return answer as Schemas["PersonaOut"];
}
