/** Tokens, and what a page remembers of the server: for as long as its tab is open. */

import { PersonaError } from "./errors";

const REQUEST_MS = 15_000;

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

/** What outlives a reload of the page, but not its tab. */
const tab = {
  get(name: string): string {
    try {
      return sessionStorage.getItem(`voice-agent:${name}`) ?? "";
    } catch {
      return ""; // The page may have no storage.
    }
  },
  put(name: string, value: string): void {
    try {
      sessionStorage.setItem(`voice-agent:${name}`, value);
    } catch {
      // Then it is known as long as the page stays, or not at all.
    }
  },
};

/** The token to resume a conversation with; empty if this tab has not had it. */
export function resumeToken(conversationId: string): string {
  return tab.get(`resume:${conversationId}`);
}

export function keepResumeToken(conversationId: string, token: string): void {
  tab.put(`resume:${conversationId}`, token);
}

const blocked = new Set<string>();

/** Whether WebRTC did not get through to this server: nobody wants to wait for that again. */
export function webRtcIsBlocked(server: string): boolean {
  return blocked.has(server) || tab.get(`webrtc:${server}`) === "blocked";
}

export function noteBlockedWebRtc(server: string): void {
  blocked.add(server);
  tab.put(`webrtc:${server}`, "blocked");
}
