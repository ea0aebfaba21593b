// SPDX-License-Identifier: Apache-2.0
/** The policy: its rings with their gates, and the forms that change it. */

import { duration, percent } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { newRing, whoText, withoutRing } from "../../model/policy.js";
import { useState } from "../../vendor/hooks.js";
import { FormDialog } from "./dialog.js";
import { RingDialog } from "./ring-dialog.js";
import { Table } from "./table.js";

/** @param {{policy: object, mayChange: boolean, actions: object}} props */
export function Policy({ policy, mayChange, actions }) {
  const [asked, setAsked] = useState(null); // {what: "ring" | "remove" | "rules", ring}
  const close = () => setAsked(null);
  const put = (changed, done) => actions.change("PUT", "/policy", changed, done);
  const ask = (what, ring) => () => setAsked({ what, ring });
  const last = policy.rings.at(-1)?.name;

  return html`
    <p>${policy.on_red === "pause" ? "A gate that fails pauses the rollout." : "A gate that fails rolls the rollout back."}
      ${policy.auto_start === false ? " A release waits until a person starts its rollout." : " The rollout of a new release starts by itself."}</p>
    <${Table} caption="Rings in their order, with their gates" rows=${policy.rings} rowKey=${(r) => r.name} columns=${[
      { label: "Ring", kind: "main", cell: (r) => r.label || r.name },
      { label: "Devices", cell: (r) => [whoText(r), r.name === last && "the rest"].filter(Boolean).join(", or ") || "those put into it" },
      { label: "Deferral", kind: "number", cell: (r) => spanText(r.deferral_s) },
      { label: "Soak time", kind: "number", cell: (r) => spanText(r.soak_s) },
      { label: "Sample", kind: "number", cell: (r) => r.min_sample },
      { label: "Success rate", kind: "number", cell: (r) => `≥ ${percent(r.success_rate)}` },
      { label: "Error rate", kind: "number", cell: (r) => `≤ ${percent(r.error_rate)}` },
      { label: "Approval", cell: (r) => (r.approval ? "by a person" : "none") },
      ...(mayChange ? [{ label: "Action", cell: (r) => html`<${RowButtons} ring=${r} ask=${ask} />` }] : []),
    ]} />
    ${mayChange ? html`
      <p class="buttons after">
        <button type="button" onClick=${ask("ring", newRing)}>New ring</button>
        <button type="button" onClick=${ask("rules")}>Red gates and starts</button>
      </p>` : html`<p class="hint">An administrator changes the policy.</p>`}
    ${asked?.what === "ring" && html`<${RingDialog} policy=${policy} ring=${asked.ring} put=${put} onClose=${close} />`}
    ${asked?.what === "remove" && html`<${RemoveDialog} policy=${policy} ring=${asked.ring} put=${put} onClose=${close} />`}
    ${asked?.what === "rules" && html`<${RulesDialog} policy=${policy} put=${put} onClose=${close} />`}`;
}

const spanText = (s) => (s === 0 ? "none" : duration(s));

function RowButtons({ ring, ask }) {
  const name = ring.label || ring.name;
  return html`
    <button type="button" class="quiet" aria-label=${`Change ring ${name}`} onClick=${ask("ring", ring)}>Change</button>
    <button type="button" class="quiet" aria-label=${`Remove ring ${name}`} onClick=${ask("remove", ring)}>Remove</button>`;
}

function RemoveDialog({ policy, ring, put, onClose }) {
  const name = ring.label || ring.name;
  return html`
    <${FormDialog} title=${`Remove ring ${name}?`} label=${`Remove ring ${name}`} tone="danger" onClose=${onClose}
      submit=${() => put(withoutRing(policy, ring.name), `Ring ${name} is removed.`)}>
      <p>Its devices come into the rings that the policy then has for them. Rollouts on their way go on with those rings.</p>
    <//>`;
}

function RulesDialog({ policy, put, onClose }) {
  const submit = (fields) =>
    put({ ...policy, on_red: fields.on_red.value, auto_start: fields.auto_start.checked }, "The policy is changed.");
  return html`
    <${FormDialog} title="Red gates and starts" label="Change the policy" submit=${submit} onClose=${onClose}>
      <label>When the error rate of a ring is over its limit <select name="on_red" autofocus>
        <option value="roll-back" selected=${policy.on_red === "roll-back"}>roll the rollout back</option>
        <option value="pause" selected=${policy.on_red === "pause"}>pause the rollout</option></select></label>
      <label class="check"><input type="checkbox" name="auto_start" defaultChecked=${policy.auto_start !== false} />
        The rollout of a new release starts by itself</label>
    <//>`;
}
