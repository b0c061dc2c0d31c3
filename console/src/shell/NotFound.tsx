import { Compass } from "lucide-react";
import { Link } from "wouter";

import { Button } from "@/ui/button";
import { Empty } from "@/ui/empty";
import { useTitle } from "@/lib/useTitle";

export function NotFound({ children }: { children?: string }) {
  useTitle("Not found");
  return (
    <Empty
      icon={<Compass />}
      title="There is nothing here"
      action={
        <Button asChild kind="primary">
          <Link href="/playground">To the playground</Link>
        </Button>
      }
    >
      {children ?? "The address leads nowhere, or what was here has been deleted."}
    </Empty>
  );
}
