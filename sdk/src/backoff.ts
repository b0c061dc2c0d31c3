/** How long to wait before the next attempt to connect, in milliseconds. */

const FIRST_MS = 250;
const MOST_MS = 5000;

/**
 * Doubles from a quarter of a second to five seconds. `random` (0 to 1) spreads it over the upper
 * half, so that the clients of a server that was restarted do not come all at once.
 */
export function backoff(attempt: number, random: number): number {
  if (attempt === 0) return 0;
  const longest = Math.min(FIRST_MS * 2 ** attempt, MOST_MS);
  return Math.round(longest * (0.5 + random / 2));
}
