// SPDX-License-Identifier: Apache-2.0
/** The gates of a ring: as lights, and in full. */

import { html } from "../../lib/html.js";
import { gateFigure } from "../../model/rollout.js";
import { gateName, stateOf } from "../../model/status.js";
import { Mark } from "./badge.js";

/** One light for each gate. */
export function GateLights({ gates }) {
  return html`
    <ul class="lights" aria-label="Gates">
      ${(gates ?? []).map((gate) => {
        const state = stateOf("gate", gate.state);
        const name = `${gateName(gate.name)}: ${state.word.toLowerCase()}`;
        return html`<li key=${gate.name} data-tone=${state.tone} title=${gate.text ? `${name}. ${gate.text}` : name}>
          <${Mark} mark=${state.mark} /><span class="hear">${name}</span></li>`;
      })}
    </ul>`;
}

/** Each gate with its value, its limit, and how many devices it rests on. */
export function GateList({ gates }) {
  return html`
    <ul class="gates">
      ${(gates ?? []).map((gate) => {
        const state = stateOf("gate", gate.state);
        return html`
          <li key=${gate.name}>
            <span class="gate-state" data-tone=${state.tone}><${Mark} mark=${state.mark} />
              <span class="hear">${state.word}</span></span>
            <span class="gate-name">${gateName(gate.name)}</span>
            <span class="gate-figure" title="value / limit">${gateFigure(gate)}</span>
            <span class="gate-text">${[gate.text, sample(gate)].filter(Boolean).join(" · ")}</span>
          </li>`;
      })}
    </ul>`;
}

/** A rate is worth as much as the number of devices that it rests on. */
const sample = (gate) => (gate.name.endsWith("-rate") ? `sample ${gate.sample}` : "");
