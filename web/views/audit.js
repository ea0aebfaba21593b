// SPDX-License-Identifier: Apache-2.0
/** Who changed what and why; each entry carries the digest of the one before. */

import { count, short, shortIds } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { Mark } from "./parts/badge.js";
import { Field } from "./parts/field.js";
import { Pager } from "./parts/pager.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";
import { When } from "./parts/when.js";

export function Audit({ route, parts, now, actions }) {
  return html`
    <h1>Audit</h1>
    <${Part} part=${parts.check} what="the check of the chain" retry=${actions.reload}
      view=${(check) => html`<${Chain} check=${check} />`} />
    <${Filters} query=${route.query} />
    <${Part} part=${parts.list} what="the audit log" retry=${actions.reload}
      view=${(list) => html`<${List} list=${list} route=${route} now=${now} />`} />`;
}

function Chain({ check }) {
  if (!check.ok)
    return html`<p class="problem" role="alert"><strong>The chain is broken.</strong>
      An entry was changed or removed behind the hub's back.</p>`;
  return html`<p class="lead"><span data-tone="good"><${Mark} mark="check" /></span> The
    chain of ${count(check.entries)} entries is whole. Its head is <code title=${check.head}>${short(check.head)}</code>.</p>`;
}

function Filters({ query }) {
  const submit = (event) => {
    event.preventDefault();
    const { actor, action } = event.currentTarget.elements;
    location.hash = link("audit", null, { actor: actor.value.trim(), action: action.value.trim() });
  };
  return html`
    <form class="filters" role="search" aria-label="Filter the audit log" onSubmit=${submit}>
      <label>Actor <${Field} name="actor" value=${query.actor ?? ""} /></label>
      <label>Action <${Field} name="action" value=${query.action ?? ""} /></label>
      <button type="submit">Search</button>
      ${(query.actor || query.action) && html`<a class="button" href=${link("audit")}>Clear</a>`}
    </form>`;
}

function List({ list, route, now }) {
  if (list.items.length === 0) return html`<${Empty}>No entry is like that.<//>`;
  return html`
    <${Table} caption="Audit log, newest first" rows=${list.items} rowKey=${(e) => String(e.seq)} columns=${[
      { label: "Nr.", kind: "number wide", cell: (e) => count(e.seq) },
      { label: "Time", kind: "nowrap", cell: (e) => html`<${When} at=${e.time} now=${now} exact=${true} />` },
      { label: "Actor", cell: (e) => html`<a href=${link("audit", null, { actor: e.actor })}
        title=${e.actor}>${shortIds(e.actor)}</a>` },
      { label: "Action", kind: "main", cell: (e) => html`<a href=${link("audit", null, { action: e.action })}>${e.action}</a>` },
      { label: "Object", cell: (e) => html`<${ObjectOf} entry=${e} />` },
      { label: "Detail", kind: "text", cell: (e) => detailText(e.detail) },
      { label: "Digest", kind: "wide", cell: (e) => html`<code title=${e.hash}>${short(e.hash)}</code>` },
    ]} />
    <${Pager} route=${route} list=${list} what="entries" />`;
}

/** What was changed, as a link where it has a page. */
function ObjectOf({ entry }) {
  const page = { device: "devices", rollout: "rollouts" }[entry.action.split(".")[0]];
  return page && entry.object ? html`<a class="break" title=${entry.object} href=${link(page, entry.object)}>${shortIds(entry.object)}</a>`
    : html`<span class="break" title=${entry.object}>${shortIds(entry.object)}</span>`;
}

/** The detail is a text, or a few named values. */
function detailText(detail) {
  if (detail == null || typeof detail === "string") return detail || "–";
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" · ");
}
