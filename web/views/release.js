// SPDX-License-Identifier: Apache-2.0
/** One release: what it closes, what it weighs, and what it could not close. */

import { bytes, day, percent, plural, short } from "../lib/format.js";
import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { Bar } from "./parts/bar.js";
import { RolloutOf } from "./releases.js";
import { bySeverity, Severity } from "./parts/severity.js";
import { Empty, Part } from "./parts/states.js";
import { Table } from "./parts/table.js";

export function Release({ parts, actions }) {
  return html`
    <p class="crumb"><a href=${link("releases")}>Releases</a></p>
    <${Part} part=${parts.release} what="the release" retry=${actions.reload}
      view=${(release) => html`<${Body} release=${release} />`} />`;
}

function Body({ release }) {
  const { document } = release;
  return html`
    <h1>Release ${release.name} ${release.out_of_band && html`<span class="tag">out of band</span>`}</h1>
    ${release.revoked && html`<p class="problem">Recalled on ${day(release.revoked.date)}: ${release.revoked.reason}</p>`}
    <dl class="facts">
      <div><dt>Kind</dt><dd>${release.kind === "baseline" ? "Baseline, with a restart" : "Hotpatches, without a restart"}</dd></div>
      ${release.baseline && html`<div><dt>Baseline</dt><dd>${release.baseline}</dd></div>`}
      <div><dt>Date</dt><dd>${day(release.date)}</dd></div>
      <div><dt>Rollout</dt><dd><${RolloutOf} release=${release} /></dd></div>
    </dl>
    ${release.kind === "baseline" ? html`<${Packages} packages=${document.packages ?? []} />` : html`
      <${Sizes} sizes=${release.sizes} />
      <${Advisories} advisories=${document.advisories ?? []} />
      <${Hotpatches} hotpatches=${document.hotpatches ?? []} />
      <${Rest} items=${document.not_hotpatchable ?? []} />`}`;
}

/** What devices would load at most, against the packages that hold the same fixes. */
function Sizes({ sizes }) {
  const { size, full_size: full } = sizes;
  if (!full) return null;
  return html`
    <section class="card sizes" aria-labelledby="h-size">
      <h2 id="h-size">Size</h2>
      <p><b>${bytes(size)}</b> of hotpatches instead of <b>${bytes(full)}</b> of packages: ${percent(size / full)}.
        A device loads only those that its builds need.</p>
      <${Bar} total=${full} shares=${[{ tone: "good", n: size, word: "hotpatches" }]} />
    </section>`;
}

function Advisories({ advisories }) {
  return html`
    <section class="card" aria-labelledby="h-advisories">
      <h2 id="h-advisories">Advisories</h2>
      ${advisories.length === 0 ? html`<${Empty}>It names no advisory.<//>` : html`
        <${Table} caption="Advisories" rows=${bySeverity(advisories)} rowKey=${(a) => a.id} columns=${[
          { label: "Advisory", kind: "main", cell: (a) => a.id },
          { label: "Severity", cell: (a) => html`<${Severity} id=${a.severity} />` },
          { label: "Published", kind: "nowrap", cell: (a) => day(a.published) },
          { label: "Summary", kind: "text", cell: (a) => a.summary },
        ]} />`}
    </section>`;
}

function Hotpatches({ hotpatches }) {
  return html`
    <section class="card" aria-labelledby="h-hotpatches">
      <h2 id="h-hotpatches">Hotpatches <small>${plural(hotpatches.length, "build")}</small></h2>
      ${hotpatches.length === 0 ? html`<${Empty}>It has no hotpatch.<//>` : html`
        <${Table} caption="Hotpatches" rows=${hotpatches} rowKey=${(h) => h.name} columns=${[
          { label: "Hotpatch", kind: "main", cell: (h) => html`${h.name}<small class="detail">${h.path}</small>` },
          { label: "Package", cell: (h) => html`${h.package}<small class="detail">${h.old_version} → ${h.new_version}</small>` },
          { label: "Build", kind: "wide", cell: (h) => html`<code title=${`${h.old_build_id} → ${h.new_build_id}`}>${short(h.old_build_id)}</code>` },
          { label: "Closes", cell: (h) => (h.advisories ?? []).join(", ") },
          { label: "Accepted", kind: "wide text", cell: (h) => acceptedText(h.accepted) },
          { label: "Size", kind: "number", cell: (h) => bytes(h.size) },
          { label: "Full package", kind: "number", cell: (h) => bytes(h.full_size) },
        ]} />`}
    </section>`;
}

/** What the release engineer looked at and let pass. */
function acceptedText(accepted) {
  if (!accepted?.length) return html`<span class="none">–</span>`;
  return accepted.map((a) => html`<small class="detail" key=${a.code + a.function}><b>${a.code}</b> ${a.function}: ${a.why}</small>`);
}

function Rest({ items }) {
  return html`
    <section class="card" aria-labelledby="h-rest">
      <h2 id="h-rest">Could not be hotpatched</h2>
      ${items.length === 0 ? html`<${Empty}>Nothing: every fix of this month is here.<//>` : html`
        <${Table} caption="What could not be hotpatched" rows=${items} rowKey=${(i) => i.package + i.path} columns=${[
          { label: "File", kind: "main", cell: (i) => html`${i.package}<small class="detail">${i.path}</small>` },
          { label: "Verdict", cell: (i) => i.verdict },
          { label: "Reasons", kind: "text", cell: (i) => (i.reasons ?? []).map((r) => html`
            <small class="detail" key=${r.code + r.function}><b>${r.code}</b> ${r.function} ${r.detail}</small>`) },
          { label: "Still open", cell: (i) => (i.advisories ?? []).join(", ") },
        ]} />`}
    </section>`;
}

function Packages({ packages }) {
  return html`
    <section class="card" aria-labelledby="h-packages">
      <h2 id="h-packages">Packages <small>${plural(packages.length, "package")}</small></h2>
      ${packages.length === 0 ? html`<${Empty}>The manifest names no package.<//>` : html`
        <${Table} caption="Packages" rows=${packages} rowKey=${(p) => `${p.name}/${p.architecture}`} columns=${[
          { label: "Package", kind: "main", cell: (p) => p.name },
          { label: "Version", cell: (p) => p.version },
          { label: "Architecture", kind: "wide", cell: (p) => p.architecture },
          { label: "Builds", kind: "number", cell: (p) => (p.builds ?? []).length },
        ]} />`}
    </section>`;
}
