// SPDX-License-Identifier: Apache-2.0
/**
 * The words for states. Each state has a word, a tone (its colour) and a mark (its shape),
 * so that nobody needs to see the colour.
 *
 * @typedef {{id: string, word: string, tone: string, mark: string, meaning: string}} State
 */

const state = (id, word, tone, mark, meaning = "") => ({ id, word, tone, mark, meaning });

/** Of devices, in the order in which they are counted. @type {State[]} */
export const deviceStatuses = [
  state("protected", "Protected", "good", "check",
    "Every process that needs the wanted release is proved to run it."),
  state("in-progress", "In progress", "busy", "half", "On the way to the wanted release."),
  state("paused", "Paused", "calm", "pause", "The rollout is paused before this device has it."),
  state("exposed", "Exposed", "bad", "alert", "A process runs vulnerable code."),
  state("held", "Held", "warn", "hand", "Kept back, by a person or by a failed health probe."),
  state("not-ready", "Not ready", "warn", "cross", "Something on the device stands in the way."),
  state("offline", "Off line", "off", "ring", "No report for too long."),
];

const rolloutStates = [
  state("waiting", "Not started", "off", "ring"),
  state("running", "Running", "busy", "half"),
  state("paused", "Paused", "warn", "pause"),
  state("completed", "Completed", "good", "check"),
  state("rolled-back", "Rolled back", "bad", "back"),
  state("recalled", "Recalled", "bad", "cross"),
];

const ringStates = [
  state("waiting", "Waiting", "off", "ring"),
  state("open", "Open", "busy", "half"),
  state("done", "Done", "good", "check"),
];

const gateStates = [
  state("green", "Passed", "good", "check"),
  state("waiting", "Waiting", "calm", "ring"),
  state("red", "Failed", "bad", "alert"),
];

const processStates = [
  state("protected", "Protected", "good", "check"),
  state("in-progress", "In progress", "busy", "half"),
  state("exposed", "Exposed", "bad", "alert"),
];

const trains = [
  state("hotpatch", "Hotpatch", "good", "check"),
  state("standard", "Standard", "calm", "ring"),
  state("blocked", "Blocked", "bad", "cross"),
  state("unknown", "Unknown", "off", "ring"),
];

const kinds = {
  device: deviceStatuses, rollout: rolloutStates, ring: ringStates, gate: gateStates,
  process: processStates, train: trains,
};

/** The state @p id of a kind. One that this page does not know is shown by its own name. */
export function stateOf(kind, id) {
  return kinds[kind].find((s) => s.id === id) ?? state(id, String(id ?? "unknown"), "off", "ring");
}

/** "ring-opened" → "Ring opened", for the codes of what happened. */
export function words(code) {
  const text = String(code).replaceAll("-", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const gateNames = {
  deferral: "Deferral", "success-rate": "Success rate", "error-rate": "Error rate",
  soak: "Soak time", sample: "Sample", approval: "Approval",
};

export const gateName = (name) => gateNames[name] ?? name;

/** @param {Record<string, number>} byStatus @returns {{state: State, n: number}[]} */
export function statusCounts(byStatus) {
  return deviceStatuses.map((s) => ({ state: s, n: byStatus?.[s.id] ?? 0 }));
}
