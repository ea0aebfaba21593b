// SPDX-License-Identifier: Apache-2.0
/** The rings of a rollout, in their order, from the first to the last. */

import { count } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Badge } from "./badge.js";
import { Bar } from "./bar.js";
import { GateLights, GateList } from "./gates.js";
import { When } from "./when.js";

/** @param {{rings: object[], now: number, full?: boolean}} props full: gates with figures */
export function Lanes({ rings, now, full = false }) {
  return html`
    <ol class="lanes" data-full=${full ? "yes" : "no"}>
      ${rings.map((ring) => html`<${Lane} key=${ring.name} ring=${ring} now=${now} full=${full} />`)}
    </ol>`;
}

function Lane({ ring, now, full }) {
  const shares = [
    { tone: "good", n: ring.done, word: "done" },
    { tone: "bad", n: ring.failed, word: "failed" },
  ];
  return html`
    <li class="lane" data-state=${ring.state}>
      <p class="lane-head"><strong>${ring.label || ring.name}</strong><${Badge} kind="ring" id=${ring.state} /></p>
      <${Bar} shares=${shares} total=${ring.devices} />
      <p class="lane-count"><b>${count(ring.done)}</b> of ${count(ring.devices)} done${
        ring.failed > 0 ? html`, <b class="bad">${count(ring.failed)} failed</b>` : ""}${
        ring.waiting > 0 ? `, ${count(ring.waiting)} waiting` : ""}</p>
      ${full && ring.opened && html`<p class="lane-opened">opened <${When} at=${ring.opened} now=${now} /></p>`}
      ${full ? html`<${GateList} gates=${ring.gates} />` : html`<${GateLights} gates=${ring.gates} />`}
    </li>`;
}
