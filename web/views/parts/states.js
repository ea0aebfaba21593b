// SPDX-License-Identifier: Apache-2.0
/** What stands in place of a part that is loading, failed or empty. */

import { html } from "../../lib/html.js";

/**
 * Shows a part of the page in the state that it is in.
 *
 * @param {{part: object, what: string, retry: () => void, view: (data: any) => any}} props
 */
export function Part({ part, what, retry, view }) {
  if (!part || part.state === "loading")
    return html`<p class="loading" aria-busy="true">Loading ${what}…</p>`;
  if (part.state === "error")
    return html`<${Problem} what=${what} error=${part.error} retry=${retry} />`;
  return html`
    ${part.error && html`<p class="stale" role="status">This may be old: ${part.error.message}
      <button type="button" class="quiet" onClick=${retry}>Try again</button></p>`}
    ${view(part.data)}`;
}

export function Problem({ what, error, retry }) {
  return html`
    <div class="problem" role="alert">
      <p><strong>${error.status === 404 ? `There is no such ${singular(what)}.` : `Could not load ${what}.`}</strong></p>
      <p>${error.message}</p>
      ${retry && html`<button type="button" onClick=${() => retry()}>Try again</button>`}
    </div>`;
}

const singular = (what) => what.replace(/^the /, "");

export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}
