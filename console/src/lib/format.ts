/** Numbers and times as people read them, in the browser's language. */

/** `840 ms`, `1.2 s`. */
export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** `0:07`, `12:30`, `1:02:03` for a duration in milliseconds. */
export function duration(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

/** `3 minutes ago`, `yesterday`; a date when it is more than a week off. */
export function relative(iso: string, now = Date.now()): string {
  const s = (new Date(iso).getTime() - now) / 1000;
  const far = Math.abs(s);
  if (far < 45) return RELATIVE.format(0, "second");
  if (far < 2700) return RELATIVE.format(Math.round(s / 60), "minute");
  if (far < 79_200) return RELATIVE.format(Math.round(s / 3600), "hour");
  if (far < 7 * 86_400) return RELATIVE.format(Math.round(s / 86_400), "day");
  return day(iso);
}

export function day(iso: string): string {
  return new Date(iso).toLocaleDateString(undefined, { dateStyle: "medium" });
}

export function moment(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** `1 call`, `3 calls`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

/** `$0.0213`: what a call costs is a matter of cents. */
export function money(amount: number, currency: string): string {
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: amount < 1 ? 4 : 2 };
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency, ...digits }).format(amount);
  } catch {
    return `${amount.toLocaleString(undefined, digits)} ${currency}`; // No code that browsers know.
  }
}
