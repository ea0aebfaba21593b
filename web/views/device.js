// SPDX-License-Identifier: Apache-2.0
/** One device: its processes with proof, what happens next, and what happened. */

import { plural } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { mayOperate } from "../model/rollout.js";
import { stateOf, words } from "../model/status.js";
import { Badge } from "./parts/badge.js";
import { DeviceActions } from "./parts/device-actions.js";
import { Pager } from "./parts/pager.js";
import { Processes } from "./parts/processes.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";
import { When } from "./parts/when.js";

export function Device({ route, parts, user, now, actions }) {
  return html`
    <p class="crumb"><a href=${link("devices")}>Devices</a></p>
    <${Part} part=${parts.device} what="the device" retry=${actions.reload}
      view=${(device) => html`<${Body} device=${device} rings=${parts.policy?.data?.rings ?? []} user=${user}
        now=${now} actions=${actions} />`} />
    ${parts.device?.data && html`
      <section class="card" aria-labelledby="h-history">
        <h2 id="h-history">History</h2>
        <${Part} part=${parts.history} what="the history" retry=${actions.reload}
          view=${(list) => html`<${History} list=${list} route=${route} now=${now} />`} />
      </section>`}`;
}

function Body({ device, rings, user, now, actions }) {
  return html`
    <div class="head">
      <h1>${device.hostname} <${Badge} kind="device" id=${device.status} title=${device.status_text} /></h1>
      ${mayOperate(user) && html`<${DeviceActions} device=${device} rings=${rings} actions=${actions} />`}
    </div>
    <p class="lead">${device.status_text}</p>
    <${Facts} device=${device} now=${now} />
    <${Next} device=${device} now=${now} />
    <section class="card" aria-labelledby="h-processes">
      <h2 id="h-processes">Processes <small>${plural(device.processes?.length ?? 0, "process", "processes")} × builds</small></h2>
      <${Processes} processes=${device.processes ?? []} now=${now} />
    </section>`;
}

function Facts({ device, now }) {
  const facts = [
    ["Ring", device.assigned_ring ? `${device.ring} (assigned)` : device.ring],
    ["Group", device.group],
    ["Baseline", device.baseline ?? "–"],
    ["Release", device.release ?? "none"],
    ["Wanted", html`<span title=${device.wanted_text}>${device.wanted ?? "none"}</span>`],
    ["Train", stateOf("train", device.train).word],
    ["Last seen", html`<${When} at=${device.last_seen} now=${now} />`],
    ["Agent", device.agent],
    ["Kernel", device.kernel],
    ["System", device.os],
    ["Enrolled", html`<${When} at=${device.enrolled} now=${now} />`],
    ["Metadata", metadataText(device.tuf, now)],
    ["Attributes", attributesText(device.attributes)],
  ];
  return html`<dl class="facts">${facts.filter(([, value]) => value).map(([name, value]) => html`
    <div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function metadataText(tuf, now) {
  if (!tuf) return null;
  return html`timestamp ${tuf.timestamp}${tuf.expires ? html`, expires <${When} at=${tuf.expires} now=${now} />` : ""}`;
}

function attributesText(attributes) {
  return Object.entries(attributes ?? {}).map(([name, value]) => `${name}=${value}`).join(", ");
}

/** What will happen by itself, and what stands in the way. */
function Next({ device, now }) {
  const readiness = device.readiness ?? [];
  return html`
    <section class="card next" aria-labelledby="h-next">
      <h2 id="h-next">What happens next</h2>
      <p>${device.next?.what || device.wanted_text || "Nothing is due."}
        ${device.next?.when && html` <${When} at=${device.next.when} now=${now} />`}</p>
      ${device.hold && html`<p class="stale">Held: ${device.hold.reason}</p>`}
      ${readiness.length > 0 && html`<ul class="readiness">${readiness.map((r) => html`
        <li key=${r.code}><b>${r.code}</b> ${r.detail}</li>`)}</ul>`}
    </section>`;
}

function History({ list, route, now }) {
  if (list.items.length === 0) return html`<${Empty}>The device has told of nothing yet.<//>`;
  return html`
    <${Table} caption="Events of the device, newest first" rows=${list.items} rowKey=${(e) => String(e.seq)} columns=${[
      { label: "Time", kind: "nowrap", cell: (e) => html`<${When} at=${e.time} now=${now} exact=${true} />` },
      { label: "Event", kind: "main", cell: (e) => html`<span data-tone=${toneOf(e.type)}>${words(e.type)}</span>` },
      { label: "Hotpatch", kind: "wide", cell: (e) => e.hotpatch ?? "–" },
      { label: "Detail", kind: "text", cell: (e) => e.detail },
    ]} />
    <${Pager} route=${route} list=${list} what="events" />`;
}

const bad = new Set(["probe-failed", "crash", "held", "refused", "error"]);
const toneOf = (type) => (bad.has(type) ? "bad" : type === "applied" ? "good" : "calm");
