// SPDX-License-Identifier: Apache-2.0
/** The processes of a device, those that need a look first. */

import { short, time } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { Badge } from "./badge.js";
import { Empty } from "./states.js";
import { Table } from "./table.js";
import { When } from "./when.js";

const rank = { exposed: 0, "in-progress": 1, protected: 2 };

export function Processes({ processes, now }) {
  if (processes.length === 0)
    return html`<${Empty}>No process maps a build that a release is about.<//>`;
  const rows = [...processes].sort((a, b) =>
    (rank[a.state] ?? 0) - (rank[b.state] ?? 0) || a.name.localeCompare(b.name) || a.pid - b.pid);
  return html`
    <${Table} caption="Processes and the builds that they map" rows=${rows}
      rowKey=${(p) => `${p.pid}/${p.build_id}`} columns=${[
        { label: "Process", kind: "main", cell: (p) => html`<${Name} process=${p} />` },
        { label: "State", cell: (p) => html`<${Badge} kind="process" id=${p.state} />` },
        { label: "Why", kind: "text", cell: (p) => html`<${Why} process=${p} />` },
        { label: "Build", kind: "wide", cell: (p) => html`<code title=${p.build_id}>${short(p.build_id)}</code>` },
        { label: "Hotpatch", kind: "wide", cell: (p) => html`<${Hotpatch} process=${p} />` },
        { label: "Proof", cell: (p) => html`<${Proof} process=${p} now=${now} />` },
        { label: "Pause", kind: "number", cell: (p) => (p.pause_us == null ? "–" : `${Math.round(p.pause_us)} µs`) },
      ]} />`;
}

function Name({ process }) {
  const where = [process.unit, process.container && `container ${short(process.container)}`].filter(Boolean);
  return html`${process.name} <span class="pid">${process.pid}</span>
    <small class="detail" title=${process.path}>${[process.path, ...where].join(" · ")}</small>`;
}

function Why({ process }) {
  const remedy = process.state === "protected" ? "" : process.remedy;
  return html`${process.reason_text}${process.tries > 1 ? ` (${process.tries} tries)` : ""}
    ${process.detail && html`<small class="detail">${process.detail}</small>`}
    ${remedy && html`<small class="detail">${remedy}</small>`}`;
}

function Hotpatch({ process }) {
  if (!process.hotpatch) return html`<span class="none">–</span>`;
  return html`${process.hotpatch}<small class="detail">${process.release ?? ""}</small>`;
}

/** The digest of the code that was read back from the process's memory, and when. */
function Proof({ process, now }) {
  if (!process.proof) return html`<span class="none">none</span>`;
  return html`<code title=${`${process.proof}, verified ${time(process.verified)}`}>${short(process.proof)}</code>
    <small class="detail">verified <${When} at=${process.verified} now=${now} /></small>`;
}
