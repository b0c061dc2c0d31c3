import { Check, Copy } from "lucide-react";
import { useState } from "react";

import { Button, type ButtonProps } from "./button";
import { toastError } from "./toast";

export interface CopyButtonProps extends Omit<ButtonProps, "onClick" | "children"> {
  text: string;
  label?: string;
}

/** Puts a text into the clipboard, and says that it did. */
export function CopyButton({ text, label = "Copy", ...rest }: CopyButtonProps) {
  const [done, setDone] = useState(false);
  const Icon = done ? Check : Copy;
  return (
    <Button
      size="sm"
      icon={<Icon className="size-4" />}
      onClick={() => {
        navigator.clipboard.writeText(text).then(() => {
          setDone(true);
          setTimeout(() => setDone(false), 1500);
        }, toastError);
      }}
      {...rest}
    >
      {done ? "Copied" : label}
    </Button>
  );
}
