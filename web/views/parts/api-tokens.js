// SPDX-License-Identifier: Apache-2.0
/** API tokens, with which programs speak to the hub: what is there, a new one, taking one back. */

import { html } from "../../lib/html.js";
import { useState } from "../../vendor/hooks.js";
import { FormDialog } from "./dialog.js";
import { RoleField } from "./role.js";
import { Secret } from "./secret.js";
import { Empty } from "./states.js";
import { Table } from "./table.js";
import { When } from "./when.js";

export function ApiTokens({ list, now, actions }) {
  const [asked, setAsked] = useState(null);
  if (list.items.length === 0)
    return html`<${Empty}>None. Monitoring needs one of a viewer, to read <code>/metrics</code>.<//>`;
  return html`
    <${Table} caption="API tokens" rows=${list.items} rowKey=${(t) => t.id} columns=${[
      { label: "Label", kind: "main", cell: (t) => t.label || html`<span class="none">without</span>` },
      { label: "Role", cell: (t) => t.role },
      { label: "Created", kind: "wide", cell: (t) => html`<${When} at=${t.created} now=${now} />` },
      { label: "Expires", cell: (t) => (t.expires ? html`<${When} at=${t.expires} now=${now} />` : "never") },
      { label: "Action", cell: (t) => html`<button type="button" class="quiet" aria-label=${`Take back ${t.label}`}
        onClick=${() => setAsked(t)}>Take back</button>` },
    ]} />
    ${asked && html`
      <${FormDialog} title=${`Take back the API token ${asked.label}?`} label="Take back" tone="danger" onClose=${() => setAsked(null)}
        submit=${() => actions.change("DELETE", `/api-tokens/${encodeURIComponent(asked.id)}`, undefined, "The API token is taken back.")}>
        <p>Programs that use it are refused from now on.</p>
      <//>`}`;
}

export function NewApiToken({ actions }) {
  const [open, setOpen] = useState(false);
  const [token, setToken] = useState("");
  const submit = async ({ label, role, days }) => {
    const expiry = days.value === "" ? {} : { expires_s: Number(days.value) * 86400 };
    const made = await actions.change("POST", "/api-tokens",
      { label: label.value.trim(), role: role.value, ...expiry }, "An API token was made.");
    setToken(made.token);
  };
  return html`
    <button type="button" class="main" onClick=${() => setOpen(true)}>New API token</button>
    ${open && html`
      <${FormDialog} title="New API token" label="Make it" submit=${submit} onClose=${() => setOpen(false)}>
        <label>Label <input name="label" maxlength="127" required autofocus placeholder="e.g. monitoring" /></label>
        <${RoleField} />
        <label>Days until it expires <input name="days" type="number" min="1" max="36500" placeholder="never" /></label>
      <//>`}
    ${token && html`<${Secret} token=${token} onClose=${() => setToken("")}
      hint="Programs send it as Authorization: Bearer TOKEN." />`}`;
}
