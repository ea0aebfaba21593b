// SPDX-License-Identifier: Apache-2.0
/** Passwords: one's own, and a new one for another user. */

import { html } from "../../lib/html.js";
import { useState } from "../../vendor/hooks.js";
import { FormDialog } from "./dialog.js";

function NewField({ autofocus = false, children }) {
  return html`
    <label>New password
      <input name="password" type="password" required minlength="8" maxlength="1024" autocomplete="new-password" autofocus=${autofocus} />
      <small class="hint">8 characters at least. ${children}</small></label>`;
}

/** The button by which people change their own. */
export function OwnPassword({ user, actions }) {
  const [open, setOpen] = useState(false);
  const submit = ({ current, password, again }) => {
    if (password.value !== again.value) throw new Error("The new password is not the same twice.");
    return actions.change("PUT", "/session/password", { current: current.value, password: password.value }, "Your password is changed.");
  };
  return html`
    <button type="button" onClick=${() => setOpen(true)}>Change password</button>
    ${open && html`
      <${FormDialog} title=${`Change the password of ${user.name}`} label="Change it" submit=${submit} onClose=${() => setOpen(false)}>
        <p>Where else you are signed in, you are signed out.</p>
        <label>Current password <input name="current" type="password" required autofocus maxlength="1024" autocomplete="current-password" /></label>
        <${NewField} />
        <label>Again <input name="again" type="password" required maxlength="1024" autocomplete="new-password" /></label>
      <//>`}`;
}

/** Asks for the new password of another user. */
export function OtherPassword({ user, actions, onClose }) {
  const submit = ({ password }) => actions.change("PUT", `/users/${encodeURIComponent(user.name)}/password`,
    { password: password.value }, `${user.name} has a new password.`);
  return html`
    <${FormDialog} title=${`A new password for ${user.name}`} label="Set it" submit=${submit} onClose=${onClose}>
      <p>${user.name} is signed out everywhere.</p>
      <${NewField} autofocus>${user.name} gets it from you.<//>
    <//>`;
}
