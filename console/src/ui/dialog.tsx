import { X } from "lucide-react";
import { Dialog as Radix } from "radix-ui";
import { useState, type ReactNode } from "react";

import { sentenceOf } from "@/api/problem";
import { cx } from "@/lib/cx";

import { Button, IconButton } from "./button";
import { Notice } from "./notice";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** A sentence below the title. */
  description?: ReactNode;
  wide?: boolean;
  children?: ReactNode;
  /** Buttons, the main one last. */
  footer?: ReactNode;
}

export function Dialog({
  open,
  onClose,
  title,
  description,
  wide,
  children,
  footer,
}: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-overlay data-[state=open]:animate-appear" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          className={cx(
            "fixed inset-x-3 top-1/2 z-50 mx-auto flex max-h-[88dvh] -translate-y-1/2 flex-col",
            "rounded-xl border border-line bg-raised shadow-lg focus:outline-none",
            wide ? "max-w-3xl" : "max-w-lg",
          )}
        >
          <div className="flex items-start justify-between gap-4 px-5 pt-4 sm:px-6 sm:pt-5">
            <div>
              <Radix.Title className="text-lg font-semibold">{title}</Radix.Title>
              {description && (
                <Radix.Description className="mt-1 text-sm text-muted">
                  {description}
                </Radix.Description>
              )}
            </div>
            <Radix.Close asChild>
              <IconButton size="sm" label="Close" icon={<X className="size-4" />} />
            </Radix.Close>
          </div>
          {children && <div className="min-h-0 overflow-y-auto px-5 py-4 sm:px-6">{children}</div>}
          {footer ? (
            <div className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3 sm:px-6">
              {footer}
            </div>
          ) : (
            <div className="h-2 shrink-0" />
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  /** What it brings about, as a sentence. */
  children?: ReactNode;
  /** The verb on the button. */
  verb: string;
  danger?: boolean;
  /** Done when it resolves; the dialog then closes. Its error is shown in the dialog. */
  onConfirm: () => Promise<unknown> | void;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ open, onClose, title, children, verb, danger, onConfirm }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const close = () => {
    setError("");
    onClose();
  };
  const confirm = async () => {
    setBusy(true);
    setError("");
    try {
      await onConfirm();
      close();
    } catch (thrown) {
      setError(sentenceOf(thrown));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title={title}
      footer={
        <>
          <Button onClick={close}>Cancel</Button>
          <Button kind={danger ? "danger" : "primary"} busy={busy} onClick={() => void confirm()}>
            {verb}
          </Button>
        </>
      }
    >
      {(children || error) && (
        <div className="flex flex-col gap-3">
          {children && <div className="text-muted">{children}</div>}
          {error && <Notice level="error">{error}</Notice>}
        </div>
      )}
    </Dialog>
  );
}
