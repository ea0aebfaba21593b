// SPDX-License-Identifier: Apache-2.0
/** What a person can do with rollouts; each asks for its reason first. */

import { html } from "../../lib/html.js";
import { link } from "../../lib/route.js";
import { actionsOf, actionText, actionTitle, touches } from "../../model/rollout.js";
import { useState } from "../../vendor/hooks.js";
import { FormDialog, ReasonDialog, ReasonField, reasonOf } from "./dialog.js";

/** The buttons of one rollout, as its state allows. */
export function RolloutActions({ rollout, actions }) {
  const [asked, setAsked] = useState(null);
  const possible = actionsOf(rollout);

  return html`
    <div class="buttons">
      ${possible.map((action) => html`
        <button key=${action.action} type="button" class=${actionText(action.action).tone}
          onClick=${() => setAsked(action)}>${actionText(action.action).label}${action.ring ? ` ${action.ring.label}` : ""}</button>`)}
    </div>
    ${asked && html`
      <${ReasonDialog} title=${`${actionTitle(rollout, asked)}?`} touches=${touches(rollout, asked)}
        label=${actionTitle(rollout, asked)} tone=${actionText(asked.action).tone}
        confirm=${(reason) => perform(rollout, asked, reason, actions)} onClose=${() => setAsked(null)} />`}`;
}

function perform(rollout, { action, ring }, reason, actions) {
  const done = `Rollout ${rollout.release} ${actionText(action).done}.`;
  if (action === "recall")
    return actions.change("POST", "/recalls", { releases: [rollout.release], hotpatches: [], reason }, done);
  const body = ring ? { reason, ring: ring.name } : { reason };
  return actions.change("POST", `/rollouts/${encodeURIComponent(rollout.id)}/${action}`, body, done);
}

/** The button that starts a rollout of a release that has none. */
export function StartRollout({ releases, actions }) {
  const [open, setOpen] = useState(false);
  const free = startable(releases?.data?.items);
  return html`
    <button type="button" class="main" onClick=${() => setOpen(true)} disabled=${free.length === 0}
      title=${free.length === 0 ? "Every release has its rollout." : null}>Start a rollout</button>
    ${open && html`<${StartDialog} releases=${free} actions=${actions} onClose=${() => setOpen(false)} />`}`;
}

/** Releases that no rollout is about, and that were not recalled; a baseline needs none. */
const startable = (releases) =>
  (releases ?? []).filter((release) => release.kind === "hotpatch" && !release.rollout && !release.revoked);

/** The choice stays as it was when the dialog opened: what starts meanwhile must not put
 *  another release in the place of the one that was chosen. */
function StartDialog({ releases: free, actions, onClose }) {
  const [releases] = useState(free);
  const submit = async (fields) => {
    const release = fields.release.value;
    const reason = reasonOf(fields);
    const { id } = await actions.change("POST", "/rollouts", { release, reason }, `Rollout ${release} is made.`);
    await actions.change("POST", `/rollouts/${encodeURIComponent(id)}/start`, { reason }, `Rollout ${release} started.`);
    location.hash = link("rollouts", id);
  };
  return html`
    <${FormDialog} title="Start a rollout" label="Start" submit=${submit} onClose=${onClose}>
      <p>The first ring opens at once, each further one when the gates before it are green.</p>
      <label>Release <select name="release" autofocus>
        ${releases.map((release) => html`<option key=${release.name}>${release.name}</option>`)}</select></label>
      <${ReasonField} autofocus=${false} />
    <//>`;
}
