import { Monitor, Moon, Sun } from "lucide-react";

import { setTheme, useTheme, type Theme } from "@/lib/theme";
import { IconButton } from "@/ui/button";
import { Menu } from "@/ui/menu";

export const THEMES: { theme: Theme; label: string; icon: typeof Sun }[] = [
  { theme: "system", label: "As the system", icon: Monitor },
  { theme: "light", label: "Light", icon: Sun },
  { theme: "dark", label: "Dark", icon: Moon },
];

export function ThemeMenu({ side = "top" }: { side?: "top" | "bottom" }) {
  const theme = useTheme();
  const Icon = THEMES.find((each) => each.theme === theme)?.icon ?? Monitor;
  return (
    <Menu
      side={side}
      trigger={
        <IconButton size="sm" label="Theme" icon={<Icon className="size-4 text-muted" />} />
      }
      groups={[
        THEMES.map(({ theme: each, label, icon: EachIcon }) => ({
          label,
          icon: <EachIcon className="size-4" />,
          checked: each === theme,
          onSelect: () => setTheme(each),
        })),
      ]}
    />
  );
}
