import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface DialogProps {
  title: string;
  isOpen: boolean;
  /** left out, it cannot be closed but by what it asks for */
  onClose?(): void;
  /** what has the focus first */
  focus?: RefObject<HTMLElement | null>;
  children: ComponentChildren;
}

/**
 * A modal dialog: the browser's own, so focus stays within and Escape closes it. A second Escape in a row closes it without
 * asking (`cancel`): then whoever opened it is told, or it is opened again.
 */
export function Dialog({ title, isOpen, onClose, focus, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  /** not yet closed by us: the browser tells of a close a moment later, when it may be about to open again */
  const isShown = useRef(false);
  const show = () => {
    isShown.current = true;
    dialog.current?.showModal();
    focus?.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    const { current } = dialog;
    show();
    return () => {
      isShown.current = false;
      current?.close();
    };
  }, [isOpen]);
  const onClosed = () => {
    if (!isShown.current || dialog.current?.open) return;
    if (onClose) onClose();
    else show();
  };
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onClose={onClosed}
      onClick={(event) => event.target === dialog.current && onClose?.()}
      onKeyDown={(event) => event.key === 'Escape' && event.stopPropagation()}
    >
      {isOpen && (
        <div class="dialog-body">
          <header>
            <h2 id={heading}>{title}</h2>
            {onClose && (
              <button type="button" class="button icon-only quiet" aria-label="Close" onClick={onClose}>
                <Icon name="close" />
              </button>
            )}
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}
