// SPDX-License-Identifier: Apache-2.0
/** The form of one ring: who is in it, and what its gates ask for. */

import { html } from "../../lib/html.js";
import { percentOf, ringOf, spanOf, spanUnits, withRing } from "../../model/policy.js";
import { FormDialog } from "./dialog.js";
import { Field } from "./field.js";

/** @param {{policy: object, ring: object, put: Function, onClose: () => void}} props
 *   A ring without a name is a new one; it comes before the last. */
export function RingDialog({ policy, ring, put, onClose }) {
  const isNew = !ring.name;
  const count = policy.rings.length + (isNew ? 1 : 0);
  const place = isNew ? Math.max(0, count - 2) : policy.rings.findIndex((r) => r.name === ring.name);
  const submit = (fields) => {
    const changed = ringOf(textsOf(fields, ring));
    if (isNew && policy.rings.some((r) => r.name === changed.name)) throw new Error(`There is a ring ${changed.name} already.`);
    return put(withRing(policy, changed, Number(fields.place.value) - 1), `Ring ${changed.label} is ${isNew ? "made" : "changed"}.`);
  };
  return html`
    <${FormDialog} title=${isNew ? "New ring" : `Ring ${ring.label || ring.name}`} label=${isNew ? "Make the ring" : "Change the ring"}
      submit=${submit} onClose=${onClose}>
      <p>Rollouts on their way go on by what is set here.</p>
      <div class="fields">
        ${isNew && html`<label>Name <input name="name" required autofocus maxlength="63" pattern="[a-z0-9][a-z0-9\\-]*"
          title="small letters, digits and dashes" /></label>`}
        <label>Label <${Field} name="label" value=${ring.label} maxlength="63" autofocus=${!isNew} /></label>
        <label>Place in the order <${Field} name="place" type="number" min="1" max=${count} value=${place + 1} required /></label>
      </div>
      <${Who} ring=${ring} />
      <${Gates} ring=${ring} />
    <//>`;
}

function textsOf(fields, ring) {
  const names = ["label", "percent", "attribute", "value", "deferral", "deferral_unit", "soak", "soak_unit",
    "min_sample", "success_rate", "error_rate"];
  return {
    name: ring.name || fields.name.value, approval: fields.approval.checked,
    ...Object.fromEntries(names.map((name) => [name, fields[name].value])),
  };
}

function Who({ ring }) {
  return html`
    <fieldset><legend>Devices that come into it</legend>
      <div class="fields">
        <label>Share of all, % <${Field} name="percent" type="number" min="0" max="100" step="any" value=${ring.percent ?? ""} /></label>
        <label>Attribute <${Field} name="attribute" value=${ring.match?.attribute ?? ""} maxlength="63" placeholder="e.g. role" /></label>
        <label>Value <${Field} name="value" value=${ring.match?.value ?? ""} maxlength="255" placeholder="e.g. canary" /></label>
      </div>
      <p class="hint">The last ring takes the rest. A device can also be put into a ring on its page.</p>
    </fieldset>`;
}

function Gates({ ring }) {
  return html`
    <fieldset><legend>Gates</legend>
      <div class="fields">
        <${Span} name="deferral" label="Deferral" seconds=${ring.deferral_s} />
        <${Span} name="soak" label="Soak time" seconds=${ring.soak_s} />
        <label>Sample, devices <${Field} name="min_sample" type="number" min="0" value=${ring.min_sample} required /></label>
        <label>Success rate at least, % <${Field} name="success_rate" type="number" min="0" max="100" step="any"
          value=${percentOf(ring.success_rate)} required /></label>
        <label>Error rate at most, % <${Field} name="error_rate" type="number" min="0" max="100" step="any"
          value=${percentOf(ring.error_rate)} required /></label>
      </div>
      <label class="check"><input type="checkbox" name="approval" defaultChecked=${ring.approval} />
        A person must approve before it opens</label>
    </fieldset>`;
}

function Span({ name, label, seconds }) {
  const span = spanOf(seconds);
  return html`
    <div class="span">
      <label>${label} <${Field} name=${name} type="number" min="0" step="any" value=${span.n} required /></label>
      <select name=${`${name}_unit`} aria-label=${`Unit of ${label.toLowerCase()}`}>
        ${spanUnits.map((unit) => html`<option key=${unit} selected=${unit === span.unit}>${unit}</option>`)}</select>
    </div>`;
}
