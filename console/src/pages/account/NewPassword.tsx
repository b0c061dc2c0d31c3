import { Eye, EyeOff } from "lucide-react";
import { useState } from "react";

import { Field, Input } from "@/ui";

export const SHORTEST = 12;

export interface NewPasswordProps {
  label?: string;
  value: string;
  onChange: (value: string) => void;
  error?: string | undefined;
}

/** A new password, which can be looked at instead of being typed twice. */
export function NewPassword({ label = "Password", value, onChange, error }: NewPasswordProps) {
  const [shown, setShown] = useState(false);
  const missing = SHORTEST - value.length;
  const Icon = shown ? EyeOff : Eye;
  return (
    <Field
      label={label}
      hint={`At least ${SHORTEST} characters. A sentence is easy to remember and hard to guess.`}
      error={error}
      aside={
        <button
          type="button"
          className="inline-flex items-center gap-1.5 hover:text-ink"
          onClick={() => setShown(!shown)}
        >
          <Icon aria-hidden className="size-3.5" />
          {shown ? "Hide" : "Show"}
        </button>
      }
    >
      <Input
        name="new-password"
        type={shown ? "text" : "password"}
        autoComplete="new-password"
        spellCheck={false}
        required
        minLength={SHORTEST}
        title={missing > 0 ? `${missing} more characters are needed` : ""}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}
