// SPDX-License-Identifier: Apache-2.0
/**
 * Pages of a list by cursors. The hub only gives the cursor of the next page, so the
 * address carries those of the pages before (`back`), and one can return. Pure.
 */

const most = 20; // of remembered cursors; before them lies the first page

/** @param {Record<string, string>} query of the address */
export function pageNumber(query) {
  return Math.max(1, Math.floor(Number(query.page)) || 1);
}

/** The query of the next page. */
export function nextPage(query, cursor) {
  const back = [...trail(query), query.cursor ?? ""].slice(-most);
  return { ...query, cursor, back: back.join("~"), page: String(pageNumber(query) + 1) };
}

/** The query of the page before; of the first one when that is all that is known. */
export function previousPage(query) {
  const back = trail(query);
  const cursor = back.pop();
  const page = pageNumber(query) - 1;
  if (!cursor || page <= 1) return firstPage(query);
  return { ...query, cursor, back: back.join("~"), page: String(page) };
}

export function firstPage(query) {
  return { ...query, cursor: "", back: "", page: "" };
}

const trail = (query) => (query.cursor ? (query.back ?? "").split("~") : []);
