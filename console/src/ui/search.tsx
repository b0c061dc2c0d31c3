import { Search } from "lucide-react";
import type { ComponentProps } from "react";

import { cx } from "@/lib/cx";

import { Input } from "./field";

export interface SearchInputProps extends Omit<ComponentProps<"input">, "type" | "onChange"> {
  /** Read aloud. */
  label: string;
  onChange: (text: string) => void;
}

/** A field that narrows down what is listed below it. */
export function SearchInput({ label, onChange, className, ...rest }: SearchInputProps) {
  return (
    <div className={cx("relative min-w-0", className)}>
      <Search
        aria-hidden
        className="pointer-events-none absolute top-3 left-3 size-4 text-muted"
      />
      <Input
        type="search"
        aria-label={label}
        onChange={(event) => onChange(event.target.value)}
        className="pl-9!"
        {...rest}
      />
    </div>
  );
}
