// SPDX-License-Identifier: Apache-2.0
/** One release on its way through the rings. */

import { count, percent } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { whyNotSize } from "../model/pages.js";
import { mayOperate, totals } from "../model/rollout.js";
import { Badge } from "./parts/badge.js";
import { Lanes } from "./parts/lanes.js";
import { Pager } from "./parts/pager.js";
import { RolloutActions } from "./parts/rollout-actions.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";
import { Timeline } from "./parts/timeline.js";
import { When } from "./parts/when.js";

export function Rollout({ route, parts, user, now, actions }) {
  return html`
    <p class="crumb"><a href=${link("rollouts")}>Rollouts</a></p>
    <${Part} part=${parts.rollout} what="the rollout" retry=${actions.reload}
      view=${(rollout) => html`<${Head} rollout=${rollout} user=${user} now=${now} actions=${actions} />`} />
    ${parts.rollout?.data && html`
      <section class="card" aria-labelledby="h-why">
        <h2 id="h-why">Why not everywhere</h2>
        <${Part} part=${parts.whyNot} what="the reasons" retry=${actions.reload}
          view=${(list) => html`<${WhyNot} list=${list} route=${route} />`} />
      </section>
      <section class="card" aria-labelledby="h-time">
        <h2 id="h-time">Time line</h2>
        <${Timeline} entries=${parts.rollout.data.timeline} rings=${parts.rollout.data.rings} now=${now} />
      </section>`}`;
}

function Head({ rollout, user, now, actions }) {
  const { devices, done, failed } = totals(rollout);
  return html`
    <div class="head">
      <h1>Rollout ${rollout.release} <${Badge} kind="rollout" id=${rollout.state} />
        ${rollout.expedited && html`<span class="tag">expedited</span>`}</h1>
      ${mayOperate(user) && html`<${RolloutActions} rollout=${rollout} actions=${actions} />`}
    </div>
    ${hint(rollout) && html`<p class="lead">${hint(rollout)}</p>`}
    <dl class="facts">
      <div><dt>Release</dt><dd><a href=${link("releases", rollout.release)}>${rollout.release}</a></dd></div>
      <div><dt>Devices done</dt><dd>${count(done)} of ${count(devices)}${devices > 0 ? ` (${percent(done / devices)})` : ""}</dd></div>
      <div><dt>Failed</dt><dd>${failed > 0 ? html`<b class="bad">${count(failed)}</b>` : "0"}</dd></div>
      <div><dt>Made</dt><dd><${When} at=${rollout.created} now=${now} /></dd></div>
      <div><dt>Decision</dt><dd>${decisionText(rollout)}</dd></div>
    </dl>
    <section aria-labelledby="h-rings">
      <h2 id="h-rings">Rings and gates</h2>
      <${Lanes} rings=${rollout.rings} now=${now} full=${true} />
    </section>`;
}

/** Where a person's word is all that is waited for. */
function hint({ state, release }) {
  if (state === "waiting") return "It waits until a person starts it.";
  if (state === "paused") return "It is paused: no further device takes it until a person resumes it. To open all rings at once, resume it first, then expedite it.";
  if (state === "rolled-back") return `It was rolled back: devices that had ${release} go back. It can be started again, from its first ring.`;
  return "";
}

/** Whether devices can already read the last decision in the repository. */
function decisionText({ decision, published }) {
  if (decision == null) return "none yet";
  return decision === published ? `number ${decision}, signed and published`
    : `number ${decision} is not published yet (the repository has ${published ?? "none"})`;
}

function WhyNot({ list, route }) {
  if (list.items.length === 0)
    return html`<${Empty}>Every process that this release is for is proved protected.<//>`;
  return html`
    <${Table} caption="Devices and processes that are not protected" rows=${list.items}
      rowKey=${(row) => `${row.device}/${row.pid ?? ""}/${row.path ?? ""}`} columns=${[
        { label: "Device", kind: "main", cell: (row) => html`<a href=${link("devices", row.device)}>${row.hostname}</a>` },
        { label: "Ring", cell: (row) => row.ring },
        { label: "Process", cell: (row) => (row.pid ? html`${row.process} <span class="pid">${row.pid}</span>` : html`<span class="none">the device</span>`) },
        { label: "Reason", kind: "text", cell: (row) => html`<${Why} row=${row} />` },
        { label: "What to do", kind: "wide text", cell: (row) => row.remedy || "–" },
      ]} />
    <${Pager} route=${route} list=${list} what="reasons" size=${whyNotSize} />`;
}

function Why({ row }) {
  return html`${row.reason_text}${row.detail ? html`<small class="detail">${row.detail}</small>` : ""}`;
}
