// SPDX-License-Identifier: Apache-2.0
/** Asks before something is done: says whom it touches, and wants the reason. */

import { html } from "../../lib/html.js";
import { useLayoutEffect, useRef, useState } from "../../vendor/hooks.js";

/**
 * A modal dialog. It is open in the moment it is there, so that no key that is pressed meets
 * the page behind it. When it closes, the focus goes back to where it was.
 */
export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    const element = dialog.current;
    element.showModal();
    return () => {
      element.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${dialog} aria-labelledby="dialog-title" onCancel=${cancel}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
    </dialog>`;
}

/**
 * A dialog that does something. It closes when that is done, and says why when it is not.
 *
 * @param {{title: string, label: string, tone?: "main" | "danger" | "plain",
 *          submit: (fields: HTMLFormControlsCollection) => Promise<any>,
 *          onClose: () => void, children: any}} props
 */
export function FormDialog({ title, label, tone = "main", submit, onClose, children }) {
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const isThere = useRef(true);
  useLayoutEffect(() => () => (isThere.current = false), []);

  const onSubmit = async (event) => {
    event.preventDefault();
    const fields = event.currentTarget.elements;
    setBusy(true);
    setError("");
    try {
      await submit(fields);
      // Who cancelled meanwhile may have opened another one by now: that stays.
      if (isThere.current) onClose();
    } catch (failure) {
      setBusy(false);
      setError(failure.message);
    }
  };

  return html`
    <${Dialog} title=${title} onClose=${onClose}>
      <form onSubmit=${onSubmit}>
        ${children}
        <p class="problem" role="alert" hidden=${!error}>${error}</p>
        <p class="buttons">
          <button type="button" onClick=${onClose}>Cancel</button>
          <button type="submit" class=${tone} disabled=${busy}>${busy ? "Working…" : label}</button>
        </p>
      </form>
    <//>`;
}

/** The field of a form for the reason, which goes into the audit log. */
export function ReasonField({ autofocus = true }) {
  return html`
    <label>Reason <textarea name="reason" rows="3" required maxlength="500" autofocus=${autofocus}></textarea>
      <small class="hint">It goes into the audit log.</small></label>`;
}

/** What stands in the reason's field. @throws {Error} when that is nothing */
export function reasonOf(fields) {
  const reason = fields.reason.value.trim();
  if (!reason) throw new Error("Say why: the reason goes into the audit log.");
  return reason;
}

/** @param {{touches: string, confirm: (reason: string) => Promise<any>}} props and FormDialog's */
export function ReasonDialog({ touches, confirm, ...rest }) {
  return html`
    <${FormDialog} ...${rest} submit=${async (fields) => confirm(reasonOf(fields))}>
      <p>${touches}</p>
      <${ReasonField} />
    <//>`;
}
