// SPDX-License-Identifier: Apache-2.0
import { html } from "../../lib/html.js";
import { Dialog } from "./dialog.js";

/** The text of a new token, which is shown this once. */
export function Secret({ token, hint, onClose }) {
  return html`
    <${Dialog} title="The new token" onClose=${onClose}>
      <p>${hint} It is shown only now; the hub keeps its digest.</p>
      <textarea class="token" readonly rows="4" aria-label="The token" autofocus
        onFocus=${(event) => event.currentTarget.select()}>${token}</textarea>
      <p class="buttons"><button type="button" class="main" onClick=${onClose}>Done</button></p>
    <//>`;
}
