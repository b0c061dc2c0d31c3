import { AudioLines, PhoneCall, Settings, UsersRound, type LucideIcon } from "lucide-react";

export interface Destination {
  href: string;
  label: string;
  icon: LucideIcon;
  /** The second key behind `g`. */
  key: string;
}

export const DESTINATIONS: Destination[] = [
  { href: "/playground", label: "Playground", icon: AudioLines, key: "t" },
  { href: "/personas", label: "Personas", icon: UsersRound, key: "p" },
  { href: "/calls", label: "Calls", icon: PhoneCall, key: "c" },
  { href: "/account", label: "Account", icon: Settings, key: "a" },
];
