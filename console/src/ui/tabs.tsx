import { Tabs as Radix } from "radix-ui";
import { useRef, type ReactNode } from "react";

import { cx } from "@/lib/cx";
import { useInSight } from "@/lib/useInSight";

export interface Tab {
  id: string;
  label: ReactNode;
  /** Something small behind the label, such as a count. */
  badge?: ReactNode;
  content: ReactNode;
}

export interface TabsProps {
  /** What the tabs are of, read aloud. */
  label: string;
  tabs: Tab[];
  value: string;
  onChange: (id: string) => void;
  className?: string;
  /** Of the area below the tabs. */
  contentClassName?: string;
}

export function Tabs({ label, tabs, value, onChange, className, contentClassName }: TabsProps) {
  const list = useRef<HTMLDivElement>(null);
  useInSight(list, '[data-state="active"]', `${value} ${tabs.length}`);
  return (
    <Radix.Root value={value} onValueChange={onChange} className={cx("flex flex-col", className)}>
      <Radix.List
        ref={list}
        aria-label={label}
        className="scroll-edges flex shrink-0 overflow-x-auto border-b border-line px-1 sm:gap-1"
      >
        {tabs.map((tab) => (
          <Radix.Trigger
            key={tab.id}
            value={tab.id}
            className={cx(
              "-mb-px flex items-center gap-1.5 border-b-2 border-transparent px-2.5 py-2 text-sm sm:px-3",
              "font-medium whitespace-nowrap text-muted -outline-offset-2! hover:text-ink",
              "data-[state=active]:border-accent data-[state=active]:text-ink",
            )}
          >
            {tab.label}
            {tab.badge}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.id} value={tab.id} className={cx("pt-4", contentClassName)}>
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
