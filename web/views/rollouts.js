// SPDX-License-Identifier: Apache-2.0
import { count } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { mayOperate, totals } from "../model/rollout.js";
import { Badge } from "./parts/badge.js";
import { Bar } from "./parts/bar.js";
import { Pager } from "./parts/pager.js";
import { StartRollout } from "./parts/rollout-actions.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";
import { When } from "./parts/when.js";

/** All rollouts, and a way to start the next one. */
export function Rollouts({ route, parts, user, now, actions }) {
  return html`
    <div class="head"><h1>Rollouts</h1>
      ${mayOperate(user) && html`<${StartRollout} releases=${parts.releases} actions=${actions} />`}</div>
    <${Part} part=${parts.list} what="the rollouts" retry=${actions.reload}
      view=${(list) => html`<${List} list=${list} route=${route} now=${now} />`} />`;
}

function List({ list, route, now }) {
  if (list.items.length === 0)
    return html`<${Empty}>No rollout yet. A release goes to the rings when somebody starts its rollout.<//>`;
  return html`
    <${Table} caption="Rollouts" rows=${list.items} rowKey=${(r) => r.id} columns=${[
      { label: "Release", kind: "main", cell: (r) => html`<a href=${link("rollouts", r.id)}>${r.release}</a>` },
      { label: "State", cell: (r) => html`<${Badge} kind="rollout" id=${r.state} />
        ${r.expedited ? html` <span class="tag">expedited</span>` : ""}` },
      { label: "Rings", kind: "wide", cell: (r) => ringsText(r) },
      { label: "Devices done", kind: "share", cell: (r) => html`<${Done} rollout=${r} />` },
      { label: "Made", cell: (r) => html`<${When} at=${r.created} now=${now} />` },
    ]} />
    <${Pager} route=${route} list=${list} what="rollouts" />`;
}

const ringsText = (rollout) =>
  rollout.rings.map((ring) => `${ring.label || ring.name} ${ring.state}`).join(" · ");

function Done({ rollout }) {
  const { devices, done, failed } = totals(rollout);
  const shares = [{ tone: "good", n: done, word: "done" }, { tone: "bad", n: failed, word: "failed" }];
  return html`<${Bar} shares=${shares} total=${devices} />
    ${count(done)} of ${count(devices)}${failed > 0 ? html`, <b class="bad">${count(failed)} failed</b>` : ""}`;
}
