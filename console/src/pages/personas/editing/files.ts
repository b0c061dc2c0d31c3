/** Personas as files: TOML or JSON, as `voice-agent persona` reads them. */
import { apiError } from "@/api/problem";
import { toast, toastError } from "@/ui";

export type Format = "toml" | "json";

const TYPES: Record<Format, string> = { toml: "application/toml", json: "application/json" };

/** Saves the draft as a file of the browser. */
export async function exported(persona: { id: string; name: string }, format: Format) {
  try {
    const path = `/api/personas/${encodeURIComponent(persona.id)}/export`;
    const answer = await fetch(path, { headers: { Accept: TYPES[format] } });
    if (!answer.ok) throw apiError(await answer.json().catch(() => undefined), answer.status);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    const name = persona.name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
    link.download = `${name.replace(/^-|-$/g, "") || "persona"}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    toast(`Exported the draft of ${persona.name}.`);
  } catch (error) {
    toastError(error);
  }
}

export function formatOf(file: File): Format {
  return file.name.toLowerCase().endsWith(".json") ? "json" : "toml";
}

/** The persona's name in a file, as far as it can be seen without reading all of it. */
export function nameIn(text: string, format: Format): string {
  if (format === "json") {
    try {
      const { name } = JSON.parse(text) as { name?: unknown };
      return typeof name === "string" ? name.trim() : "";
    } catch {
      return "";
    }
  }
  const found = /^\s*name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)')/m.exec(text);
  return (found?.[1] ?? found?.[2] ?? "").trim();
}

/** Throws ApiError. */
export async function imported<T>(text: string, format: Format): Promise<T> {
  const answer = await fetch("/api/import", {
    method: "POST",
    headers: { "Content-Type": TYPES[format] },
    body: text,
  });
  const body: unknown = await answer.json().catch(() => undefined);
  if (!answer.ok) throw apiError(body, answer.status);
  return body as T;
}
