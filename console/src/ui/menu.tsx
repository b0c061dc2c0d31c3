import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";

import { cx } from "@/lib/cx";

export interface MenuItem {
  label: ReactNode;
  icon?: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
  /** One of several, and whether it is the picked one. */
  checked?: boolean;
}

export interface MenuProps {
  /** The button that opens it. */
  trigger: ReactNode;
  /** Groups are separated by a line. */
  groups: MenuItem[][];
  align?: "start" | "end";
  side?: "top" | "bottom";
}

const ITEM =
  "flex items-center gap-2.5 rounded-md px-2.5 py-1.5 text-sm cursor-pointer outline-none " +
  "data-highlighted:bg-hover data-disabled:opacity-50";

export function Menu({ trigger, groups, align = "end", side = "bottom" }: MenuProps) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 min-w-48 rounded-lg border border-line bg-raised p-1.5 shadow-lg data-[state=open]:animate-appear"
        >
          {groups.map((items, at) => (
            <Radix.Group key={at}>
              {at > 0 && <Radix.Separator className="my-1.5 h-px bg-line" />}
              {items.map((item, number) =>
                item.checked === undefined ? (
                  <Radix.Item
                    key={number}
                    disabled={item.disabled}
                    onSelect={item.onSelect}
                    className={cx(ITEM, item.danger && "text-danger")}
                  >
                    {item.icon}
                    {item.label}
                  </Radix.Item>
                ) : (
                  <Radix.CheckboxItem
                    key={number}
                    checked={item.checked}
                    disabled={item.disabled}
                    onSelect={item.onSelect}
                    className={cx(ITEM, item.checked && "font-medium text-accent")}
                  >
                    {item.icon}
                    {item.label}
                  </Radix.CheckboxItem>
                ),
              )}
            </Radix.Group>
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
