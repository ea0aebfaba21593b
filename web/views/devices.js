// SPDX-License-Identifier: Apache-2.0
/** The devices: the hub filters, counts and pages; the address holds what was asked. */

import { count } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { deviceStatuses } from "../model/status.js";
import { Badge } from "./parts/badge.js";
import { Field } from "./parts/field.js";
import { Pager } from "./parts/pager.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";
import { When } from "./parts/when.js";

const sorts = [
  ["", "Name"], ["-hostname", "Name, Z first"], ["-last_seen", "Seen last"], ["last_seen", "Longest unseen"],
];

export function Devices({ route, parts, now, actions }) {
  return html`
    <h1>Devices</h1>
    <${Filters} query=${route.query} rings=${parts.policy?.data?.rings ?? []}
      groups=${parts.groups?.data?.items ?? []} />
    <${Part} part=${parts.list} what="the devices" retry=${actions.reload}
      view=${(list) => html`<${List} list=${list} route=${route} now=${now} />`} />`;
}

/** A change of a filter is another address, and begins at the first page. */
function Filters({ query, rings, groups }) {
  const go = (form) => {
    const { q, status, ring, group, sort } = form.elements;
    location.hash = link("devices", null, {
      q: q.value.trim(), status: status.value, ring: ring.value, group: group.value, sort: sort.value,
    });
  };
  const submit = (event) => {
    event.preventDefault();
    go(event.currentTarget);
  };
  const changed = (event) => go(event.currentTarget.form);
  return html`
    <form class="filters" role="search" aria-label="Filter devices" onSubmit=${submit}>
      <label class="grow">Search <${Field} type="search" name="q" placeholder="host name" value=${query.q ?? ""} /></label>
      <${Choice} name="status" label="Status" value=${query.status} onChange=${changed}
        options=${[["", "Any"], ...deviceStatuses.map((s) => [s.id, s.word])]} />
      <${Choice} name="ring" label="Ring" value=${query.ring} onChange=${changed}
        options=${[["", "Any"], ...choices(rings, query.ring)]} />
      <${Choice} name="group" label="Group" value=${query.group} onChange=${changed}
        options=${[["", "Any"], ...choices(groups, query.group)]} />
      <${Choice} name="sort" label="Sort by" value=${query.sort} onChange=${changed} options=${sorts} />
      <button type="submit">Search</button>
      ${isFiltered(query) && html`<a class="button" href=${link("devices")}>Clear</a>`}
    </form>`;
}

const isFiltered = (query) => Boolean(query.q || query.status || query.ring || query.group);

function choices(things, chosen) {
  const options = things.map((thing) => [thing.name, thing.label || thing.name]);
  // The names may still be loading: what the address asks for is shown anyway.
  return !chosen || options.some(([name]) => name === chosen) ? options : [...options, [chosen, chosen]];
}

function Choice({ name, label, value, options, onChange }) {
  return html`
    <label>${label} <select name=${name} onChange=${onChange}>
      ${options.map(([id, word]) => html`<option key=${id} value=${id} selected=${id === (value ?? "")}>${word}</option>`)}
    </select></label>`;
}

function List({ list, route, now }) {
  if (list.items.length === 0)
    return isFiltered(route.query)
      ? html`<${Empty}>No device is like that. <a href=${link("devices")}>Show all</a><//>`
      : html`<${Empty}>No device has enrolled yet. <a href=${link("settings")}>Make an enrolment token.</a><//>`;
  return html`
    <${Table} caption="Devices" rows=${list.items} rowKey=${(d) => d.id} columns=${[
      { label: "Device", kind: "main", cell: (d) => html`<a href=${link("devices", d.id)}>${d.hostname}</a>` },
      { label: "Status", cell: (d) => html`<${Badge} kind="device" id=${d.status} title=${d.status_text} />` },
      { label: "Why", kind: "wide text", cell: (d) => d.status_text },
      { label: "Ring", cell: (d) => d.ring },
      { label: "Release", cell: (d) => d.release ?? d.baseline ?? "–" },
      { label: "Protected", kind: "number", cell: (d) => count(d.protected) },
      { label: "Exposed", kind: "number", cell: (d) => (d.exposed > 0 ? html`<b class="bad">${count(d.exposed)}</b>` : "0") },
      { label: "Last seen", kind: "nowrap", cell: (d) => html`<${When} at=${d.last_seen} now=${now} />` },
    ]} />
    <${Pager} route=${route} list=${list} what="devices" />`;
}
