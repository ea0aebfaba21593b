// SPDX-License-Identifier: Apache-2.0
/** Rollouts: what a person may do with one, and whom that touches. Pure. */

import { duration, plural } from "../lib/format.js";

export const mayOperate = (user) => ["operator", "administrator"].includes(user?.role);
export const mayAdminister = (user) => user?.role === "administrator";

const texts = {
  start: { label: "Start", done: "started", tone: "main" },
  pause: { label: "Pause", done: "paused", tone: "plain" },
  resume: { label: "Resume", done: "resumed", tone: "main" },
  approve: { label: "Approve", done: "approved", tone: "main" },
  expedite: { label: "Expedite", done: "expedited", tone: "plain" },
  "roll-back": { label: "Roll back", done: "rolled back", tone: "danger" },
  recall: { label: "Recall", done: "recalled", tone: "danger" },
};

export const actionText = (action) => texts[action];

/** The action's whole name: "Approve ring Fast", "Pause 2026.11". */
export function actionTitle(rollout, { action, ring }) {
  return ring ? `${texts[action].label} ring ${ring.label}` : `${texts[action].label} ${rollout.release}`;
}

/** What can be done with a rollout now. @returns {{action: string, ring?: object}[]} */
export function actionsOf(rollout) {
  const on = ["roll-back", "recall"].map((action) => ({ action }));
  switch (rollout.state) {
    case "running": {
      const ring = ringToApprove(rollout);
      return [
        ...(ring ? [{ action: "approve", ring }] : []),
        { action: "pause" },
        ...(rollout.expedited || !hasWaitingRing(rollout) ? [] : [{ action: "expedite" }]),
        ...on,
      ];
    }
    case "waiting":
    case "rolled-back":
      return [{ action: "start" }, { action: "recall" }];
    case "paused":
      return [{ action: "resume" }, ...on];
    case "completed":
      return on;
    default:
      return [];
  }
}

const hasWaitingRing = (rollout) => rollout.rings.some((ring) => ring.state === "waiting");

/** The ring whose next step waits for a person, if one does. */
function ringToApprove(rollout) {
  return rollout.rings.find((ring) =>
    ring.gates?.some((gate) => gate.name === "approval" && gate.state === "waiting"));
}

/** Sums over the rings. */
export function totals(rollout) {
  const sum = (key) => rollout.rings.reduce((n, ring) => n + (ring[key] ?? 0), 0);
  return { devices: sum("devices"), done: sum("done"), failed: sum("failed"), waiting: sum("waiting") };
}

/** Whom an action touches, for the dialog that asks for its reason. */
export function touches(rollout, { action, ring }) {
  const { devices, done } = totals(rollout);
  const rest = devices - done;
  const release = rollout.release;
  const has = done === 1 ? "has" : "have";
  switch (action) {
    case "pause":
      return `${plural(rest, "device")} will not take ${release} until somebody resumes it. ${plural(done, "device")} that ${has} it will keep it.`;
    case "resume":
      return `${plural(rest, "device")} will go on to take ${release}, ring by ring.`;
    case "expedite":
      return `All rings open at once, without waiting for their gates: ${plural(rest, "device")} will take ${release} now (${waitingNames(rollout)}).`;
    case "approve":
      return `Ring ${ring.label} passes its approval: its ${plural(ring.devices, "device")} will take ${release} as soon as the other gates are green.`;
    case "roll-back":
      return `${plural(done, "device")} that ${has} ${release} will go back to the release before, without a restart. ${plural(rest, "other device")} will not take it.`;
    case "recall":
      return `${plural(done, "device")} that ${has} ${release} will take its hotpatches out at once, without a restart. Nobody can start this release again. The signed revocation is the release key's: suture repo recall.`;
    default: {
      const again = rollout.state === "rolled-back" ? " It was rolled back and begins anew with its first ring." : "";
      return `${plural(devices, "device")} in ${plural(rollout.rings.length, "ring")} will take ${release}, ring by ring.${again}`;
    }
  }
}

function waitingNames(rollout) {
  const names = rollout.rings.filter((r) => r.state === "waiting").map((r) => r.label);
  return names.length ? `still waiting: ${names.join(", ")}` : "no ring waits";
}

/** The value of a gate against its limit, as a short text: "97.5 % of at least 98 %". */
export function gateFigure(gate) {
  const isTime = gate.name === "soak" || gate.name === "deferral";
  if (gate.name === "approval" || (isTime && gate.limit === 0) || (gate.value == null && gate.limit == null)) return "";
  return `${gateNumber(gate, gate.value)} / ${gateNumber(gate, gate.limit)}`;
}

function gateNumber(gate, n) {
  if (n == null) return "–";
  if (gate.name.endsWith("-rate")) return `${+(n * 100).toFixed(1)} %`;
  if (gate.name === "soak" || gate.name === "deferral") return duration(n);
  return String(n);
}
