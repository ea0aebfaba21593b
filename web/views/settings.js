// SPDX-License-Identifier: Apache-2.0
/** Enrolment tokens, the policy as it is, and who may sign in. */

import { duration, percent } from "../lib/format.js";
import { html } from "../lib/html.js";
import { mayOperate } from "../model/rollout.js";
import { NewToken, Tokens } from "./parts/tokens.js";
import { Part } from "./parts/states.js";
import { Table } from "./parts/table.js";
import { When } from "./parts/when.js";

export function Settings({ parts, user, now, actions }) {
  const rings = parts.policy?.data?.rings ?? [];
  return html`
    <h1>Settings</h1>
    ${mayOperate(user) && html`
      <section class="card" aria-labelledby="h-tokens">
        <div class="head"><h2 id="h-tokens">Enrolment tokens</h2>
          <${NewToken} rings=${rings} actions=${actions} /></div>
        <${Part} part=${parts.tokens} what="the enrolment tokens" retry=${actions.reload}
          view=${(list) => html`<${Tokens} list=${list} now=${now} actions=${actions} />`} />
      </section>`}
    <section class="card" aria-labelledby="h-policy">
      <h2 id="h-policy">Policy</h2>
      <${Part} part=${parts.policy} what="the policy" retry=${actions.reload}
        view=${(policy) => html`<${Policy} policy=${policy} />`} />
    </section>
    ${user.role === "administrator" && html`
      <section class="card" aria-labelledby="h-users">
        <h2 id="h-users">Users</h2>
        <${Part} part=${parts.users} what="the users" retry=${actions.reload}
          view=${(list) => html`<${Users} list=${list} now=${now} />`} />
      </section>`}`;
}

function Policy({ policy }) {
  return html`
    <p>${policy.on_red === "pause" ? "A gate that fails pauses the rollout." : "A gate that fails rolls the rollout back."}
      ${policy.auto_start === false ? " A release waits until a person starts its rollout." : ""}</p>
    <${Table} caption="Rings in their order, with their gates" rows=${policy.rings} rowKey=${(r) => r.name} columns=${[
      { label: "Ring", kind: "main", cell: (r) => r.label || r.name },
      { label: "Devices", cell: whoText },
      { label: "Deferral", kind: "number", cell: (r) => duration(r.deferral_s) },
      { label: "Soak time", kind: "number", cell: (r) => duration(r.soak_s) },
      { label: "Sample", kind: "number", cell: (r) => r.min_sample },
      { label: "Success rate", kind: "number", cell: (r) => `≥ ${percent(r.success_rate)}` },
      { label: "Error rate", kind: "number", cell: (r) => `≤ ${percent(r.error_rate)}` },
      { label: "Approval", cell: (r) => (r.approval ? "by a person" : "none") },
    ]} />
    <p class="hint">The policy is changed with <code>suture hub policy set FILE</code>.</p>`;
}

/** Which devices come into a ring that nobody put there. */
function whoText(ring) {
  const ways = [
    ring.match && `${ring.match.attribute}=${ring.match.value}`,
    ring.percent != null && `${ring.percent} %`,
  ].filter(Boolean);
  return ways.join(", or ") || "the rest";
}

function Users({ list, now }) {
  return html`
    <${Table} caption="Users" rows=${list.items} rowKey=${(u) => u.name} columns=${[
      { label: "Name", kind: "main", cell: (u) => u.name },
      { label: "Role", cell: (u) => u.role },
      { label: "Created", cell: (u) => html`<${When} at=${u.created} now=${now} />` },
    ]} />`;
}
