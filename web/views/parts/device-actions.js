// SPDX-License-Identifier: Apache-2.0
/** What a person can do with a device: hold it, put it into a ring, remove it. */

import { html } from "../../lib/html.js";
import { useState } from "../../vendor/hooks.js";
import { FormDialog, ReasonDialog } from "./dialog.js";

export function DeviceActions({ device, rings, actions }) {
  const [open, setOpen] = useState("");
  const close = () => setOpen("");
  const path = `/devices/${encodeURIComponent(device.id)}`;
  const patch = (body, done) => actions.change("PATCH", path, body, done);

  return html`
    <div class="buttons">
      ${device.hold
        ? html`<button type="button" class="main" onClick=${() => setOpen("lift")}>Lift the hold</button>`
        : html`<button type="button" onClick=${() => setOpen("hold")}>Hold</button>`}
      <button type="button" onClick=${() => setOpen("ring")}>Ring…</button>
      <button type="button" class="danger" onClick=${() => setOpen("remove")}>Remove</button>
    </div>
    ${open === "hold" && html`
      <${ReasonDialog} title=${`Hold ${device.hostname}?`} label=${`Hold ${device.hostname}`}
        touches="It keeps the release that it has and takes no further one until the hold is lifted. A recall still reaches it."
        confirm=${(reason) => patch({ hold: { reason } }, `${device.hostname} is held.`)} onClose=${close} />`}
    ${open === "lift" && html`
      <${FormDialog} title=${`Lift the hold of ${device.hostname}?`} label="Lift the hold" onClose=${close}
        submit=${() => patch({ hold: null }, `${device.hostname} is no longer held.`)}>
        <${HeldBecause} hold=${device.hold} />
      <//>`}
    ${open === "ring" && html`<${RingDialog} device=${device} rings=${rings} patch=${patch} onClose=${close} />`}
    ${open === "remove" && html`<${RemoveDialog} device=${device} onClose=${close} remove=${async () => {
      await actions.change("DELETE", path, undefined, `${device.hostname} is removed.`);
      location.hash = "#/devices";
    }} />`}`;
}

/** Why it was held, also when the hold is gone before the dialog is. */
function HeldBecause({ hold }) {
  const [reason] = useState(hold?.reason);
  return html`<p>It was held because: ${reason}. It goes on to the release that its ring has.</p>`;
}

function RingDialog({ device, rings, patch, onClose }) {
  const submit = (fields) => {
    const ring = fields.ring.value || null;
    return patch({ ring }, ring ? `${device.hostname} is in ring ${ring}.` : `${device.hostname} is placed by the policy.`);
  };
  return html`
    <${FormDialog} title=${`Ring of ${device.hostname}`} label="Put into ring" submit=${submit} onClose=${onClose}>
      <p>The device follows the rollouts as its ring does.</p>
      <label>Ring <select name="ring" autofocus>
        <option value="">As the policy places it</option>
        ${rings.map((ring) => html`
          <option key=${ring.name} value=${ring.name} selected=${ring.name === device.assigned_ring}>${ring.label || ring.name}</option>`)}
      </select></label>
    <//>`;
}

function RemoveDialog({ device, remove, onClose }) {
  return html`
    <${FormDialog} title=${`Remove ${device.hostname}?`} label=${`Remove ${device.hostname}`} tone="danger"
      submit=${remove} onClose=${onClose}>
      <p>Its certificate is revoked: it can no longer report to this hub and must enrol again.
        What runs on it stays as it is.</p>
    <//>`;
}
