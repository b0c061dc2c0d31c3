import { Download } from "lucide-react";

import { Button, CopyButton, Notice } from "@/ui";

/** The codes for when the app is lost; they are shown only now. */
export function RecoveryCodes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const text = codes.join("\n");
  return (
    <div className="flex flex-col gap-4">
      <Notice level="warning" title="Keep these recovery codes">
        Each is worth one sign-in without the app. They are shown only now.
      </Notice>
      <ul className="grid grid-cols-2 gap-x-4 gap-y-2 rounded-lg bg-sunken px-4 py-3 font-mono text-xs whitespace-nowrap">
        {codes.map((code) => (
          <li key={code} className="select-all">
            {code}
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap gap-2">
        <CopyButton text={text} />
        <Button
          size="sm"
          icon={<Download className="size-4" />}
          onClick={() => save("recovery-codes.txt", `${text}\n`)}
        >
          Download
        </Button>
        <Button size="sm" kind="primary" className="ml-auto" onClick={onDone}>
          I have kept them
        </Button>
      </div>
    </div>
  );
}

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
