import { WrapText } from "lucide-react";
import { useRef, type ReactNode, type RefObject } from "react";

import { Button, Field } from "@/ui";

import { Code } from "../code/Code";
import type { Mark } from "../code/marks";
import { jsonText, type JsonField as Name } from "../editing/document";
import { formatted, jsonProblem } from "../editing/json";
import { useEditing } from "../editing/useEditing";

export interface JsonFieldProps {
  name: Name;
  label: string;
  /** Of the editor, read aloud, where the field's label is too short. */
  editorLabel?: string;
  hint?: ReactNode;
  placeholder: string;
  lines: [least: number, most: number];
  marks?: readonly Mark[];
  goTo?: RefObject<((mark: Mark) => void) | null>;
  /** Also what is wrong within it is shown below it. */
  deep?: boolean;
}

/** A part of the persona that is written as JSON. */
export function JsonField({ name, label, editorLabel, hint, deep, goTo, ...more }: JsonFieldProps) {
  const { edited, setText, problem } = useEditing();
  const own = useRef<((mark: Mark) => void) | null>(null);
  const place = goTo ?? own;
  const text = jsonText(edited, name);
  const tidy = formatted(text);
  const isBroken = jsonProblem(text) !== null;
  const wrong = problem(name, deep);
  return (
    <Field
      label={label}
      hint={hint}
      aside={
        <Button
          size="sm"
          kind="ghost"
          className="-my-1"
          aria-label={`Format ${label.toLowerCase()}`}
          icon={<WrapText className="size-3.5" />}
          disabled={tidy === null || tidy === text}
          onClick={() => tidy !== null && setText(name, tidy)}
        >
          Format
        </Button>
      }
      error={
        wrong && (
          <>
            {wrong}{" "}
            {isBroken && (
              <button
                type="button"
                className="rounded-sm text-accent underline underline-offset-2"
                onClick={() => place.current?.({ severity: "error", message: wrong })}
              >
                Show
              </button>
            )}
          </>
        )
      }
    >
      <Code
        label={editorLabel ?? label}
        language="json"
        value={text}
        onChange={(next) => setText(name, next)}
        goTo={place}
        {...more}
      />
    </Field>
  );
}
