/** What a new persona can begin with: personas that the server knows. */
import { useQuery } from "@tanstack/react-query";

import { api, told, type Schemas } from "./client";
import { keys } from "./queries";

export type NewDoc = Partial<Schemas["Persona-Input"]>;

export interface Template {
  id: string;
  title: string;
  text: string;
  persona: NewDoc;
}

const WORDS: Record<string, [title: string, text: string]> = {
  restaurant: [
    "A restaurant's host",
    "Answers questions about opening hours, prices and tables. Works with the local models.",
  ],
  questions: ["Answers questions", "Knows things by scenarios, such as prices and opening hours."],
  appointments: [
    "Makes appointments",
    "Asks for a name, an e-mail address and a time, and keeps them with actions.",
  ],
  blank: ["Blank", "The pattern of a good prompt, to be filled in."],
};

export function useTemplates() {
  return useQuery({
    queryKey: keys.templates,
    staleTime: Infinity,
    queryFn: async (): Promise<Template[]> => {
      const { items } = (await told(api.GET("/api/templates"))) as Schemas["TemplatesOut"];
      return items.map(({ id, persona }) => {
        const [title, text] = WORDS[id] ?? [persona.name, "As it answers this server's calls."];
        return { id, title, text, persona: persona as NewDoc };
      });
    },
  });
}

/** Make a persona of that name. Throws ApiError. */
export async function makePersona(doc: NewDoc, name: string): Promise<Schemas["SavedPersona"]> {
  const body = { ...doc, name } as Schemas["Persona-Input"];
  return (await told(api.POST("/api/personas", { body }))) as Schemas["SavedPersona"];
}
