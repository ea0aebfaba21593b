// SPDX-License-Identifier: Apache-2.0
/** A state as mark and word; its colour only repeats what they say. */

import { html } from "../../lib/html.js";
import { stateOf } from "../../model/status.js";

const shapes = {
  check: html`<circle cx="8" cy="8" r="7" fill="currentColor" /><path class="cut" d="M4.8 8.2l2.2 2.3 4.2-4.6" />`,
  half: html`<circle cx="8" cy="8" r="6.2" class="line" /><path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" />`,
  pause: html`<circle cx="8" cy="8" r="6.2" class="line" /><path class="line" d="M6.3 5.4v5.2M9.7 5.4v5.2" />`,
  alert: html`<path d="M8 1l7.4 13.4H.6z" fill="currentColor" /><path class="cut" d="M8 5.8v4M8 12v.4" />`,
  hand: html`<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" /><path class="cut" d="M4.5 8h7" />`,
  cross: html`<rect x="1.4" y="1.4" width="13.2" height="13.2" rx="3" fill="currentColor" /><path class="cut" d="M5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6" />`,
  ring: html`<circle cx="8" cy="8" r="6.2" class="line" />`,
  back: html`<path class="line" d="M6.5 2.5L2.5 6.5l4 4M2.5 6.5h7a4 4 0 0 1 0 8H6" />`,
};

export function Mark({ mark }) {
  return html`<svg class="mark" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">${shapes[mark]}</svg>`;
}

/** @param {{kind: string, id: string, title?: string}} props */
export function Badge({ kind, id, title }) {
  const state = stateOf(kind, id);
  return html`<span class="badge" data-tone=${state.tone} title=${title || state.meaning || null}>
    <${Mark} mark=${state.mark} />${state.word}</span>`;
}
