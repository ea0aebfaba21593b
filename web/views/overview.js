// SPDX-License-Identifier: Apache-2.0
/** What needs a person, how much of the fleet is protected, and what is on its way. */

import { count, percent, plural } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { statusCounts } from "../model/status.js";
import { Badge, Mark } from "./parts/badge.js";
import { Bar } from "./parts/bar.js";
import { Calendar } from "./parts/calendar.js";
import { Lanes } from "./parts/lanes.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";

export function Overview({ parts, now, actions }) {
  return html`
    <h1>Overview</h1>
    <${Part} part=${parts.overview} what="the overview" retry=${actions.reload}
      view=${(data) => html`<${Sections} data=${data} now=${now} />`} />`;
}

function Sections({ data, now }) {
  return html`
    <div class="top">
      <${Protected} devices=${data.devices} share=${data.protected_share} processes=${data.processes} />
      <${Attention} items=${data.attention} />
    </div>
    <${Running} rollouts=${data.rollouts} now=${now} />
    <section class="card" aria-labelledby="h-year">
      <h2 id="h-year">Calendar ${new Date(now).getUTCFullYear()}</h2>
      <${Calendar} events=${data.calendar} now=${now} />
    </section>
    <${Rings} rings=${data.devices.by_ring} />
    <p class="version">suture-hub ${data.hub?.version}</p>`;
}

function Protected({ devices, share, processes }) {
  const counts = statusCounts(devices.by_status);
  return html`
    <section class="card hero" aria-labelledby="h-protected">
      <h2 id="h-protected">Protected</h2>
      ${devices.total === 0
        ? html`<${Empty}>No device has enrolled yet. <a href=${link("settings")}>Make an enrolment token.</a><//>`
        : html`
          <${Share} share=${share} processes=${processes} />
          <p class="of">${plural(devices.total, "device")}</p>
          <${Bar} total=${devices.total} shares=${counts.map(toShare)} />
          <ul class="statuses">
            ${counts.map(({ state, n }) => html`
              <li key=${state.id} data-tone=${state.tone} data-none=${n === 0 ? "yes" : "no"}>
                <a href=${link("devices", null, { status: state.id })} title=${state.meaning}>
                  <${Mark} mark=${state.mark} /><span>${state.word}</span><b>${count(n)}</b></a></li>`)}
          </ul>`}
    </section>`;
}

/** Of the processes that run a build for which there is a hotpatch. */
function Share({ share, processes }) {
  if (share == null)
    return html`<p class="share"><strong>–</strong><span>No process runs a build that a hotpatch is for.</span></p>`;
  return html`
    <p class="share"><strong>${percent(share)}</strong>
      <span>${count(processes.protected)} of ${plural(processes.total, "process", "processes")} that need a hotpatch<br />
        are proved to run the fixed code</span></p>`;
}

const toShare = ({ state, n }) => ({ tone: state.tone, n, word: state.word });

function Attention({ items }) {
  return html`
    <section class="card attention" aria-labelledby="h-attention">
      <h2 id="h-attention">Needs a person</h2>
      ${items.length === 0
        ? html`<${Empty}>Nothing. The fleet looks after itself.<//>`
        : html`<ul>${items.map((item, i) => html`
            <li key=${item.text + i}><${Mark} mark="alert" />
              ${item.link ? html`<a href=${item.link}>${item.text}</a>` : item.text}</li>`)}</ul>`}
    </section>`;
}

function Running({ rollouts, now }) {
  return html`
    <section class="card" aria-labelledby="h-running">
      <h2 id="h-running">Rollouts on their way</h2>
      ${rollouts.length === 0
        ? html`<${Empty}>None is running. <a href=${link("rollouts")}>All rollouts</a><//>`
        : rollouts.map((rollout) => html`
          <article key=${rollout.id} class="running">
            <h3><a href=${link("rollouts", rollout.id)}>${rollout.release}</a>
              <${Badge} kind="rollout" id=${rollout.state} />
              ${rollout.expedited && html`<span class="tag">expedited</span>`}</h3>
            ${rollout.state === "waiting"
              ? html`<p class="none">It waits until a person starts it.</p>`
              : html`<${Lanes} rings=${rollout.rings} now=${now} />`}
          </article>`)}
    </section>`;
}

function Rings({ rings }) {
  if (rings.length === 0) return null;
  const columns = [
    { label: "Ring", kind: "main", cell: (r) => html`<a href=${link("devices", null, { ring: r.ring })}>${r.label || r.ring}</a>` },
    { label: "Share", kind: "share", cell: (r) => html`<${Bar} total=${r.total} shares=${statusCounts(r.by_status).map(toShare)} />` },
    ...statusCounts({}).map(({ state }) => ({
      label: state.word,
      kind: "number",
      cell: (r) => cellOf(r, state),
    })),
    { label: "Devices", kind: "number", cell: (r) => html`<b>${count(r.total)}</b>` },
  ];
  return html`
    <section class="card" aria-labelledby="h-rings">
      <h2 id="h-rings">Devices by ring and status</h2>
      <${Table} caption="Devices by ring and status" columns=${columns} rows=${rings}
        rowKey=${(r) => r.ring} dense=${true} />
    </section>`;
}

function cellOf(ring, state) {
  const n = ring.by_status?.[state.id] ?? 0;
  if (n === 0) return html`<span class="none">0</span>`;
  return html`<a href=${link("devices", null, { ring: ring.ring, status: state.id })} data-tone=${state.tone}>${count(n)}</a>`;
}
