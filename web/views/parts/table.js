// SPDX-License-Identifier: Apache-2.0
/**
 * A table that a keyboard can scroll sideways, with a caption for those who hear it.
 *
 * On a narrow screen each row becomes a block of "label: value" lines, unless the table is
 * one of numbers (`dense`). The roles say that it still is a table: browsers forget it when
 * its parts are laid out as blocks.
 */

import { html } from "../../lib/html.js";

/**
 * @param {{caption: string, rows: any[], rowKey: (row) => string, dense?: boolean,
 *          columns: {label: string, cell: (row) => any, kind?: string}[]}} props
 *   A column's kind is a list of "main" (names the row), "number", "text", "nowrap", "share"
 *   and "wide" (left out on a narrow screen).
 */
export function Table({ caption, columns, rows, rowKey, dense = false }) {
  return html`
    <div class="scroll" role="region" aria-label=${caption} tabindex="0">
      <table role="table" class=${dense ? null : "stack"}>
        <caption>${caption}</caption>
        <thead role="rowgroup"><tr role="row">${columns.map((c) => html`
          <th key=${c.label} scope="col" role="columnheader" class=${c.kind}>${c.label}</th>`)}</tr></thead>
        <tbody role="rowgroup">${rows.map((row) => html`<${Row} key=${rowKey(row)} row=${row} columns=${columns} />`)}</tbody>
      </table>
    </div>`;
}

function Row({ row, columns }) {
  return html`<tr role="row">${columns.map((c) => c.kind === "main"
    ? html`<th key=${c.label} scope="row" role="rowheader">${c.cell(row)}</th>`
    : html`<td key=${c.label} role="cell" class=${c.kind} data-label=${c.label}><div>${c.cell(row)}</div></td>`)}</tr>`;
}
