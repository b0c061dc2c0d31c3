import { lazy, Suspense } from "react";

import { Skeleton } from "@/ui";

import type { CodeEditorProps } from "./CodeEditor";

const CodeEditor = lazy(() => import("./CodeEditor"));

/** A code editor as the child of a `Field`. */
export function Code(props: CodeEditorProps) {
  return (
    <Suspense fallback={<Skeleton className="h-60" />}>
      <CodeEditor {...props} />
    </Suspense>
  );
}
