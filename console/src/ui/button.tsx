import { Slot } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";

import { cx } from "@/lib/cx";

import { Spinner } from "./spinner";

type Kind = "primary" | "secondary" | "ghost" | "danger";

const KINDS: Record<Kind, string> = {
  primary: "bg-accent text-accent-ink hover:bg-accent-hover shadow-sm",
  secondary: "bg-surface text-ink border border-line-strong/60 hover:bg-hover shadow-sm",
  ghost: "text-ink hover:bg-hover",
  danger: "bg-danger-soft text-danger border border-danger/40 hover:border-danger",
};

const SIZES = {
  sm: "h-8 px-2.5 text-sm gap-1.5",
  md: "h-10 px-4 text-base gap-2",
  lg: "h-12 px-6 text-lg gap-2.5",
};

export interface ButtonProps extends ComponentProps<"button"> {
  kind?: Kind;
  size?: keyof typeof SIZES;
  /** Shows a spinner and takes no clicks. */
  busy?: boolean;
  icon?: ReactNode;
  /** Look like a button, but be the child, such as a link. */
  asChild?: boolean;
}

export function Button({
  kind = "secondary",
  size = "md",
  busy = false,
  icon,
  asChild = false,
  className,
  children,
  disabled,
  ...rest
}: ButtonProps) {
  const looks = cx(
    "inline-flex items-center justify-center rounded-md font-medium whitespace-nowrap select-none",
    "transition-colors disabled:opacity-50 aria-disabled:opacity-50",
    KINDS[kind],
    SIZES[size],
    className,
  );
  if (asChild) {
    return (
      <Slot.Root className={looks} {...rest}>
        {children}
      </Slot.Root>
    );
  }
  return (
    <button type="button" className={looks} disabled={disabled || busy} aria-busy={busy || undefined} {...rest}>
      {busy ? <Spinner /> : icon}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ButtonProps, "children" | "icon" | "asChild"> {
  /** What it does: read aloud, and shown as a tooltip. */
  label: string;
  icon: ReactNode;
}

export function IconButton({ label, icon, size = "md", className, ...rest }: IconButtonProps) {
  const square = { sm: "w-8 px-0!", md: "w-10 px-0!", lg: "w-12 px-0!" }[size];
  return (
    <Button
      kind="ghost"
      size={size}
      aria-label={label}
      title={label}
      className={cx(square, "shrink-0", className)}
      {...rest}
    >
      {icon}
    </Button>
  );
}
