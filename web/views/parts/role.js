// SPDX-License-Identifier: Apache-2.0
import { html } from "../../lib/html.js";

const roles = [
  ["viewer", "viewer: sees everything, changes nothing"],
  ["operator", "operator: rollouts, devices, enrolment tokens"],
  ["administrator", "administrator: also policy, users and API tokens"],
];

/** The field of a form for what somebody may do. */
export function RoleField() {
  return html`
    <label>Role <select name="role">
      ${roles.map(([id, label]) => html`<option key=${id} value=${id}>${label}</option>`)}</select></label>`;
}
