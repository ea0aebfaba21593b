// SPDX-License-Identifier: Apache-2.0
/** Shares of a whole as one bar. Its words stand beside it, so it is only a picture. */

import { html } from "../../lib/html.js";

/** @param {{shares: {tone: string, n: number, word: string}[], total: number}} props */
export function Bar({ shares, total }) {
  const shown = shares.filter((share) => share.n > 0);
  return html`
    <div class="bar" aria-hidden="true">
      ${total > 0 && shown.map((share) => html`
        <span key=${share.word} data-tone=${share.tone} title=${`${share.word}: ${share.n}`}
          style=${{ width: `${(share.n / total) * 100}%` }}></span>`)}
    </div>`;
}
