import { useRef } from "react";

import { Legend } from "@/conversation/Legend";
import { Levels } from "@/conversation/Levels";
import type { CallTopic } from "@/live/types";
import { useTopicEvents } from "@/live/useTopic";
import { Card } from "@/ui";

/** How loud both are now. */
export function LiveLevels({ id, agentName }: { id: string; agentName: string }) {
  const levels = useRef<{ user: number; ai: number } | null>(null);
  useTopicEvents<{ kind: "levels"; user: number; ai: number }>(
    `call:${id}` satisfies CallTopic,
    (event) => {
      if (event.kind === "levels") levels.current = event;
    },
  );
  return (
    <Card>
      <Levels read={() => levels.current} active className="h-20 w-full" />
      <div className="mt-2">
        <Legend agentName={agentName} />
      </div>
    </Card>
  );
}
