// SPDX-License-Identifier: Apache-2.0
/** Who may sign in: the users, a new one, and taking one away. */

import { html } from "../../lib/html.js";
import { useState } from "../../vendor/hooks.js";
import { FormDialog } from "./dialog.js";
import { OtherPassword } from "./password.js";
import { RoleField } from "./role.js";
import { Table } from "./table.js";
import { When } from "./when.js";

export function Users({ list, me, now, actions }) {
  const [asked, setAsked] = useState(null);
  const ask = (user, Dialog) => setAsked({ user, Dialog });
  return html`
    <${Table} caption="Users" rows=${list.items} rowKey=${(u) => u.name} columns=${[
      { label: "Name", kind: "main", cell: (u) => html`${u.name}${u.name === me.name ? html` <span class="tag">you</span>` : ""}` },
      { label: "Role", cell: (u) => u.role },
      { label: "Created", cell: (u) => html`<${When} at=${u.created} now=${now} />` },
      { label: "Action", cell: (u) => (u.name === me.name ? html`<span class="none">–</span>` : html`
        <button type="button" class="quiet" aria-label=${`New password for ${u.name}`} onClick=${() => ask(u, OtherPassword)}>New password</button>
        <button type="button" class="quiet" aria-label=${`Remove ${u.name}`} onClick=${() => ask(u, Remove)}>Remove</button>`) },
    ]} />
    ${asked && html`<${asked.Dialog} user=${asked.user} actions=${actions} onClose=${() => setAsked(null)} />`}`;
}

function Remove({ user, actions, onClose }) {
  return html`
    <${FormDialog} title=${`Remove the user ${user.name}?`} label=${`Remove ${user.name}`} tone="danger" onClose=${onClose}
      submit=${() => actions.change("DELETE", `/users/${encodeURIComponent(user.name)}`, undefined, `${user.name} is removed.`)}>
      <p>${user.name} is signed out at once and cannot sign in again. The audit log keeps what ${user.name} did.</p>
    <//>`;
}

export function NewUser({ actions }) {
  const [open, setOpen] = useState(false);
  const submit = ({ name, password, role }) => actions.change("POST", "/users",
    { name: name.value.trim(), password: password.value, role: role.value }, `${name.value.trim()} can sign in.`);
  return html`
    <button type="button" class="main" onClick=${() => setOpen(true)}>New user</button>
    ${open && html`
      <${FormDialog} title="New user" label="Make the user" submit=${submit} onClose=${() => setOpen(false)}>
        <label>Name <input name="name" required autofocus maxlength="63" autocomplete="off" /></label>
        <label>Password <input name="password" type="password" required minlength="8" maxlength="1024" autocomplete="new-password" />
          <small class="hint">8 characters at least. The user gets it from you.</small></label>
        <${RoleField} />
      <//>`}`;
}
