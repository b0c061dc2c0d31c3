/** The product's sign and name. */
export function Wordmark() {
  return (
    <span className="flex items-center gap-2.5 font-semibold tracking-tight">
      <svg viewBox="0 0 32 32" className="size-7" aria-hidden>
        <rect width="32" height="32" rx="8" fill="var(--accent)" />
        <path
          d="M7 13.5v5M11.5 10v12M16 6.5v19M20.5 11v10M25 14v4"
          stroke="var(--accent-ink)"
          strokeWidth="2.6"
          strokeLinecap="round"
        />
      </svg>
      Voice agent
    </span>
  );
}
