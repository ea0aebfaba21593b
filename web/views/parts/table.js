// SPDX-License-Identifier: Apache-2.0
/** A table that a keyboard can scroll sideways, with a caption for those who hear it. */

import { html } from "../../lib/html.js";

/**
 * @param {{caption: string, rows: any[], rowKey: (row) => string,
 *          columns: {label: string, cell: (row) => any, kind?: "number" | "wide" | "main"}[]}} props
 *   A column of kind "wide" is left out on narrow screens.
 */
export function Table({ caption, columns, rows, rowKey }) {
  return html`
    <div class="scroll" role="region" aria-label=${caption} tabindex="0">
      <table>
        <caption>${caption}</caption>
        <thead><tr>${columns.map((c) => html`<th key=${c.label} scope="col" class=${c.kind}>${c.label}</th>`)}</tr></thead>
        <tbody>${rows.map((row) => html`<${Row} key=${rowKey(row)} row=${row} columns=${columns} />`)}</tbody>
      </table>
    </div>`;
}

function Row({ row, columns }) {
  return html`<tr>${columns.map((c) => c.kind === "main"
    ? html`<th key=${c.label} scope="row">${c.cell(row)}</th>`
    : html`<td key=${c.label} class=${c.kind}>${c.cell(row)}</td>`)}</tr>`;
}
