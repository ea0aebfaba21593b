// SPDX-License-Identifier: Apache-2.0
/** Severities of advisories. */

import { html } from "../../lib/html.js";

const order = ["critical", "high", "medium", "low", "unknown"];
const tones = { critical: "bad", high: "bad", medium: "warn", low: "calm", unknown: "off" };

export function Severity({ id }) {
  return html`<span class="severity" data-tone=${tones[id] ?? "off"}>${id}</span>`;
}

/** "1 critical, 2 high" */
export function Severities({ advisories }) {
  if (!advisories?.length) return html`<span class="none">none</span>`;
  const counts = order.map((id) => [id, advisories.filter((a) => a.severity === id).length]);
  return html`${counts.filter(([, n]) => n > 0).map(([id, n]) => html`
    <span key=${id} class="severity" data-tone=${tones[id]}>${n} ${id}</span> `)}`;
}

/** The worst first. */
export const bySeverity = (advisories) =>
  [...advisories].sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity) || (a.id < b.id ? -1 : 1));
