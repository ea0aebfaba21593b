// SPDX-License-Identifier: Apache-2.0
import { bytes, day, percent } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { Badge } from "./parts/badge.js";
import { Pager } from "./parts/pager.js";
import { Severities } from "./parts/severity.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";

/** What was published, newest first. */
export function Releases({ route, parts, actions }) {
  return html`
    <h1>Releases</h1>
    <${Part} part=${parts.list} what="the releases" retry=${actions.reload}
      view=${(list) => html`<${List} list=${list} route=${route} />`} />`;
}

function List({ list, route }) {
  if (list.items.length === 0)
    return html`<${Empty}>The repository has no release yet. A release engineer publishes one with <code>suture repo</code>.<//>`;
  return html`
    <${Table} caption="Releases" rows=${list.items} rowKey=${(r) => r.name} columns=${[
      { label: "Release", kind: "main", cell: (r) => html`<a href=${link("releases", r.name)}>${r.name}</a>
        ${r.out_of_band ? html` <span class="tag">out of band</span>` : ""}` },
      { label: "Kind", cell: (r) => (r.kind === "baseline" ? "Baseline" : `Hotpatches on ${r.baseline}`) },
      { label: "Date", kind: "nowrap", cell: (r) => day(r.date) },
      { label: "Rollout", cell: (r) => html`<${RolloutOf} release=${r} />` },
      { label: "Advisories", cell: (r) => html`<${Severities} advisories=${r.advisories} />` },
      { label: "Hotpatches", kind: "number", cell: (r) => r.hotpatches },
      { label: "Not hotpatchable", kind: "number wide", cell: (r) => (r.not_hotpatchable ? html`<b class="warn">${r.not_hotpatchable}</b>` : "0") },
      { label: "Size", kind: "number wide", cell: (r) => sizeText(r) },
    ]} />
    <${Pager} route=${route} list=${list} what="releases" />`;
}

/** The state of a release on its way, as a link to its rollout. */
export function RolloutOf({ release }) {
  if (release.revoked)
    return html`<${Badge} kind="rollout" id="recalled" title=${release.revoked.reason} />`;
  if (!release.rollout) return html`<span class="none">none</span>`;
  return html`<a class="plain" href=${link("rollouts", release.rollout.id)}><${Badge} kind="rollout" id=${release.rollout.state} /></a>`;
}

function sizeText({ size, full_size: full }) {
  if (!size) return "–";
  return full ? html`${bytes(size)}<small class="detail">${percent(size / full)} of the packages</small>` : bytes(size);
}
