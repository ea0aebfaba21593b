// SPDX-License-Identifier: Apache-2.0
/** Enrolment tokens: what is there, a new one, and taking one back. */

import { plural } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { useState } from "../../vendor/hooks.js";
import { FormDialog } from "./dialog.js";
import { Field } from "./field.js";
import { Secret } from "./secret.js";
import { Empty } from "./states.js";
import { Table } from "./table.js";
import { When } from "./when.js";

export function Tokens({ list, now, actions }) {
  const [asked, setAsked] = useState(null);
  if (list.items.length === 0)
    return html`<${Empty}>None. A device needs one to enrol.<//>`;
  return html`
    <${Table} caption="Enrolment tokens" rows=${list.items} rowKey=${(t) => t.id} columns=${[
      { label: "Label", kind: "main", cell: (t) => t.label || html`<span class="none">without</span>` },
      { label: "Ring", cell: (t) => t.ring ?? "by the policy" },
      { label: "Used", kind: "number", cell: (t) => `${t.used} of ${t.uses}` },
      { label: "Expires", cell: (t) => html`<${When} at=${t.expires} now=${now} />` },
      { label: "Made by", kind: "wide", cell: (t) => t.created_by.replace(/^user:/, "") },
      { label: "Action", cell: (t) => html`<button type="button" class="quiet" aria-label=${`Take back ${t.label}`}
        onClick=${() => setAsked(t)}>Take back</button>` },
    ]} />
    ${asked && html`<${TakeBack} token=${asked} actions=${actions} onClose=${() => setAsked(null)} />`}`;
}

function TakeBack({ token, actions, onClose }) {
  const path = `/enrolment-tokens/${encodeURIComponent(token.id)}`;
  return html`
    <${FormDialog} title=${`Take back the token ${token.label}?`} label="Take back" tone="danger" onClose=${onClose}
      submit=${() => actions.change("DELETE", path, undefined, "The token is taken back.")}>
      <p>${plural(token.uses - token.used, "device")} can no longer enrol with it. Those that have enrolled stay.</p>
    <//>`;
}

export function NewToken({ rings, actions }) {
  const [open, setOpen] = useState(false);
  const [token, setToken] = useState("");
  const submit = async (fields) => {
    const made = await actions.change("POST", "/enrolment-tokens", tokenOf(fields), "A token was made.");
    setToken(made.token);
  };
  return html`
    <button type="button" class="main" onClick=${() => setOpen(true)}>New token</button>
    ${open && html`<${NewTokenDialog} rings=${rings} submit=${submit} onClose=${() => setOpen(false)} />`}
    ${token && html`<${Secret} token=${token} onClose=${() => setToken("")}
      hint=${html`Put this into the device's <code>token_file</code>.`} />`}`;
}

const tokenOf = ({ label, ring, uses, hours }) => ({
  label: label.value.trim(), ring: ring.value || null,
  uses: Number(uses.value), expires_s: Number(hours.value) * 3600,
});

function NewTokenDialog({ rings, submit, onClose }) {
  return html`
    <${FormDialog} title="New enrolment token" label="Make it" submit=${submit} onClose=${onClose}>
      <label>Label <input name="label" maxlength="127" required autofocus placeholder="e.g. web servers" /></label>
      <label>Ring <select name="ring"><option value="">By the policy</option>
        ${rings.map((r) => html`<option key=${r.name} value=${r.name}>${r.label || r.name}</option>`)}</select></label>
      <label>Devices <${Field} name="uses" type="number" min="1" max="100000" value="1" required /></label>
      <label>Hours until it expires <${Field} name="hours" type="number" min="1" max="8760" value="24" required /></label>
    <//>`;
}
