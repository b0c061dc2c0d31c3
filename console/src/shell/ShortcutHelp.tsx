import { useRegisteredShortcuts } from "@/lib/shortcuts";
import { Dialog } from "@/ui/dialog";
import { Kbd } from "@/ui/kbd";

export function ShortcutHelp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const shortcuts = useRegisteredShortcuts();
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard shortcuts">
      <dl className="grid grid-cols-[1fr_auto] items-center gap-x-6 gap-y-2.5 pb-2 text-sm">
        {shortcuts.map((each) => (
          <div key={each.keys + each.does} className="contents">
            <dt>{each.does}</dt>
            <dd className="text-right">
              <Kbd keys={each.keys} />
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
