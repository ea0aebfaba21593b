// SPDX-License-Identifier: Apache-2.0
import { relative, time } from "../../lib/format.js";
import { html } from "../../lib/html.js";

/** A moment: how long ago, and the exact time on hover; or the exact time with `exact`. */
export function When({ at, now, exact = false }) {
  if (!at) return html`<span class="none">–</span>`;
  return html`<time datetime=${at} title=${exact ? relative(at, now) : time(at)}>
    ${exact ? time(at) : relative(at, now)}</time>`;
}
