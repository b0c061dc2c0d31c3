import { CircleAlert } from "lucide-react";
import { cloneElement, useId, type ComponentProps, type ReactElement, type ReactNode } from "react";

import { cx } from "@/lib/cx";

const BOX = cx(
  "w-full rounded-md border border-line-strong bg-surface text-ink placeholder:text-muted",
  "hover:border-ink/60 disabled:opacity-60 aria-invalid:border-danger",
);

export interface FieldProps {
  label: ReactNode;
  /** A short explanation below the label. */
  hint?: ReactNode;
  /** What is wrong with it, as a sentence. */
  error?: ReactNode;
  /** The label is read aloud only. */
  hiddenLabel?: boolean;
  /** Something small at the label's right, such as a link or a count. */
  aside?: ReactNode;
  className?: string;
  /** One Input, Textarea, Select or another control that takes `id` and `aria-*`. */
  children: ReactElement<Record<string, unknown>>;
}

/** A label, its control, a hint and an error, tied together. */
export function Field({
  label,
  hint,
  error,
  hiddenLabel,
  aside,
  className,
  children,
}: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className={cx("flex flex-col gap-1.5", className)}>
      <div className={cx("flex items-baseline justify-between gap-3", hiddenLabel && "sr-only")}>
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        {aside && <div className="text-xs text-muted">{aside}</div>}
      </div>
      {hint && (
        <p id={`${id}-hint`} className="-mt-1 text-sm text-muted">
          {hint}
        </p>
      )}
      {cloneElement(children, {
        id,
        "aria-describedby": described || undefined,
        "aria-invalid": error ? true : undefined,
      })}
      {error && (
        <p id={`${id}-error`} className="flex items-start gap-1.5 text-sm text-danger">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          <span>{error}</span>
        </p>
      )}
    </div>
  );
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cx(BOX, "h-10 px-3", className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cx(BOX, "min-h-20 px-3 py-2", className)} {...rest} />;
}

/** The browser's own: it is the best one on phones and with a keyboard. */
export function Select({ className, children, ...rest }: ComponentProps<"select">) {
  return (
    <select className={cx(BOX, "h-10 px-2.5", className)} {...rest}>
      {children}
    </select>
  );
}

export interface CheckboxProps extends Omit<ComponentProps<"input">, "type"> {
  label: ReactNode;
}

export function Checkbox({ label, className, ...rest }: CheckboxProps) {
  return (
    <label className={cx("flex items-start gap-2.5", className)}>
      <input type="checkbox" className="mt-1 size-4 shrink-0 accent-(--accent)" {...rest} />
      <span>{label}</span>
    </label>
  );
}
