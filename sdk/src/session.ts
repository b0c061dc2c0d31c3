/** Tokens: how a page comes by them, and which it keeps to resume conversations with. */

import { PersonaError } from "./errors";

const REQUEST_MS = 15_000;
const KEPT = "voice-agent:resume:";

/** A session token for a publishable key. Raises PersonaError. */
export async function sessionToken(server: string, key: string, userId: string): Promise<string> {
  const cancel = new AbortController();
  const late = setTimeout(() => cancel.abort(), REQUEST_MS);
  try {
    const response = await fetch(`${server}/api/sessions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify(userId ? { user_id: userId } : {}),
      signal: cancel.signal,
    });
    const answer = (await response.json().catch(() => ({}))) as { token?: string; detail?: string };
    if (response.ok && answer.token) return answer.token;
    throw new PersonaError(
      codeOf(response.status),
      answer.detail || `The server answered ${response.status}.`,
    );
  } catch (error) {
    if (error instanceof PersonaError) throw error;
    throw new PersonaError("unreachable", `${server} does not answer.`, error);
  } finally {
    clearTimeout(late);
  }
}

function codeOf(status: number): string {
  if (status === 401 || status === 403) return "key_refused";
  if (status === 429) return "busy";
  return status === 400 ? "malformed" : "unavailable";
}

/** Resume tokens by conversation; they outlive a reload of the page, not its tab. */
export const kept = {
  get(conversationId: string): string {
    try {
      return sessionStorage.getItem(KEPT + conversationId) ?? "";
    } catch {
      return ""; // The page may have no storage.
    }
  },
  put(conversationId: string, token: string): void {
    try {
      sessionStorage.setItem(KEPT + conversationId, token);
    } catch {
      // Then `resume` works as long as the page stays.
    }
  },
};
