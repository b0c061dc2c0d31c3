import type { Said } from "@/live/types";

/** What the agent meant to say behind what was heard of it; "" if all was heard. */
export function unheard(said: Pick<Said, "content" | "intended">): string {
  const meant = (said.intended ?? "").trim();
  const heard = said.content.trim();
  if (meant.length <= heard.length) return "";
  if (meant.startsWith(heard)) return meant.slice(heard.length).trim();
  // Spaces or marks differ: go on behind as many words as were heard.
  const words = heard ? heard.split(/\s+/).length : 0;
  return meant.split(/\s+/).slice(words).join(" ");
}
