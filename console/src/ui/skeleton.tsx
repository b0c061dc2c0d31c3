import { cx } from "@/lib/cx";

/** Where something will be: give it the size of that. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cx("rounded-md bg-line/70 animate-pulse-soft", className)} />;
}

export function SkeletonLines({ lines = 3 }: { lines?: number }) {
  return (
    <div role="status" className="flex flex-col gap-3">
      <span className="sr-only">Loading</span>
      {Array.from({ length: lines }, (_, at) => (
        <Skeleton key={at} className={cx("h-4", at === lines - 1 ? "w-1/2" : "w-full")} />
      ))}
    </div>
  );
}
