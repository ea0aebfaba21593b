// SPDX-License-Identifier: Apache-2.0
/** Steps through a list that the server cuts into pages. Where one is stands in the address. */

import { count } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { link } from "../../lib/route.js";
import { pageSize } from "../../model/pages.js";
import { firstPage, nextPage, pageNumber, previousPage } from "../../model/paging.js";

/** @param {{route: object, list: {items: any[], next: string | null, total: number}, what: string, size?: number}} props */
export function Pager({ route, list, what, size = pageSize }) {
  const page = pageNumber(route.query);
  const to = (query) => link(route.page, route.id, query);
  const from = (page - 1) * size;
  const total = list.total == null ? "" : ` of ${count(list.total)}`;
  const range = list.items.length === 0 ? "None" : `${count(from + 1)}–${count(from + list.items.length)}`;
  return html`
    <nav class="pager" aria-label=${`Pages of ${what}`}>
      <p>${range}${total}</p>
      ${page > 2 && html`<a class="button" href=${to(firstPage(route.query))}>First</a>`}
      ${page > 1 && html`<a class="button" href=${to(previousPage(route.query))}>Previous</a>`}
      ${list.next && html`<a class="button" href=${to(nextPage(route.query, list.next))}>Next</a>`}
    </nav>`;
}
