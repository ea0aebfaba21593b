// SPDX-License-Identifier: Apache-2.0
/** What happened, newest first: who or what did it, and why. */

import { html } from "../../lib/html.js";
import { words } from "../../model/status.js";
import { When } from "./when.js";

/** @param {{entries: {time: string, actor: string, action: string, reason: string, ring: string | null}[],
 *          rings: {name: string, label: string}[], now: number}} props */
export function Timeline({ entries, rings, now }) {
  if (!entries?.length) return html`<p class="empty">Nothing has happened yet.</p>`;
  const newest = [...entries].reverse(); // the hub tells them in their order
  return html`
    <ol class="timeline">
      ${newest.map((entry, i) => html`
        <li key=${entry.time + entry.action + i}>
          <p><strong>${words(entry.action)}</strong>${entry.ring ? html` <span class="tag">${labelOf(rings, entry.ring)}</span>` : ""}
            ${entry.actor ? html` <span class="by">by ${entry.actor.replace(/^user:/, "")}</span>` : ""} <${When} at=${entry.time} now=${now} /></p>
          ${entry.reason && html`<p class="why">${entry.reason}</p>`}
        </li>`)}
    </ol>`;
}

const labelOf = (rings, name) => rings.find((ring) => ring.name === name)?.label || name;
