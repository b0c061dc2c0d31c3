/** Unsaved edits, kept for this browser tab: they outlive a reload and other pages. */
import type { Doc, Edited } from "./document";

export interface Kept extends Edited {
  /** What the edits began with. */
  base: Doc;
  etag: string;
  /** When something was typed last, in milliseconds of the epoch. */
  at: number;
}

const name = (id: string) => `persona:${id}`;

export function kept(id: string): Kept | undefined {
  try {
    const text = sessionStorage.getItem(name(id));
    return text === null ? undefined : (JSON.parse(text) as Kept);
  } catch {
    return undefined;
  }
}

/** False if the browser does not keep it. */
export function keep(id: string, edits: Kept): boolean {
  try {
    sessionStorage.setItem(name(id), JSON.stringify(edits));
    return true;
  } catch {
    return false;
  }
}

export function forget(id: string): void {
  try {
    sessionStorage.removeItem(name(id));
  } catch {
    // Storage is forbidden: nothing was kept.
  }
}
