// SPDX-License-Identifier: Apache-2.0
/**
 * The address of a page stands behind the `#`, so the hub serves one file and knows no
 * pages: `#/devices/ID`, `#/devices?status=exposed`.
 *
 * @typedef {{page: string, id: string | null, query: Record<string, string>}} Route
 */

const pages = new Set([
  "overview", "rollouts", "devices", "releases", "audit", "settings",
]);

/** @param {string} hash e.g. "#/devices/abc?q=x" @returns {Route} */
export function parseRoute(hash) {
  const [path, search = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const [page, ...rest] = path.split("/");
  const query = Object.fromEntries(new URLSearchParams(search));
  if (path === "") return { page: "overview", id: null, query };
  if (!pages.has(page) || rest.length > 1) return { page: "unknown", id: null, query };
  return { page, id: decode(rest[0]), query };
}

function decode(text) {
  if (!text) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a page. Empty values of @p query are left out. */
export function link(page, id = null, query = {}) {
  const path = id ? `#/${page}/${encodeURIComponent(id)}` : `#/${page}`;
  const search = queryText(query);
  return search ? `${path}?${search}` : path;
}

/** `a=1&b=2`, in the order given, without what is empty. */
export function queryText(query) {
  const kept = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return new URLSearchParams(kept).toString();
}
