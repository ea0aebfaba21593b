// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { isPast, months, nextEvent } from "../../../web/model/calendar.js";
import { actionsOf, gateFigure, mayAdminister, mayOperate, totals, touches } from "../../../web/model/rollout.js";
import { gateName, stateOf, statusCounts, words } from "../../../web/model/status.js";
import { rollout } from "./fixtures.js";

const schemas = JSON.parse(readFileSync(new URL("../../../docs/openapi.json", import.meta.url))).components.schemas;

test("each state that the API knows has a word of its own", () => {
  const kinds = {
    device: schemas.Status, rollout: schemas.Rollout.properties.state,
    ring: schemas.RolloutRing.properties.state, gate: schemas.Gate.properties.state,
    process: schemas.Process.properties.state, train: schemas.Device.properties.train,
  };
  for (const [kind, schema] of Object.entries(kinds)) {
    const seen = schema.enum.map((id) => stateOf(kind, id).word);
    for (const [i, id] of schema.enum.entries()) {
      assert.match(seen[i], /^[A-Z]/, `${kind} ${id}`);
      assert.equal(seen.indexOf(seen[i]), i, `${kind} ${id} has the word of another`);
    }
  }
  for (const name of schemas.Gate.properties.name.enum) assert.match(gateName(name), /^[A-Z]/);
  assert.equal(words("ring-opened"), "Ring opened");
});

test("a state that the page does not know is shown by its own name", () => {
  assert.equal(stateOf("device", "melted").word, "melted");
  assert.equal(stateOf("device", null).word, "unknown");
});

test("statuses are counted in one order, also those that no device has", () => {
  const counts = statusCounts({ exposed: 2, protected: 5 });
  assert.deepEqual(counts.map((c) => c.n), [5, 0, 0, 2, 0, 0, 0]);
  assert.equal(counts.length, schemas.Status.enum.length);
});

test("what can be done with a rollout follows from its state", () => {
  const names = (state, more = {}) => actionsOf({ ...rollout, state, ...more }).map((a) => a.action);
  assert.deepEqual(names("waiting"), ["start", "recall"]);
  assert.deepEqual(names("running"), ["approve", "pause", "expedite", "roll-back", "recall"]);
  assert.deepEqual(names("running", { expedited: true }), ["approve", "pause", "roll-back", "recall"]);
  assert.deepEqual(names("paused"), ["resume", "roll-back", "recall"]);
  assert.deepEqual(names("completed"), ["roll-back", "recall"]);
  assert.deepEqual(names("rolled-back"), ["start", "recall"]);
  assert.deepEqual(names("recalled"), []);
});

test("an approval names the ring that waits for it", () => {
  assert.equal(actionsOf(rollout)[0].ring.name, "broad");
});

test("each action says how many devices it touches", () => {
  assert.deepEqual(totals(rollout), { devices: 46, done: 7, failed: 1, waiting: 2 });
  const text = (action) => touches(rollout, { action, ring: rollout.rings[2] });
  assert.match(text("pause"), /^39 devices will not take 2026\.11 .* 7 devices that have it will keep it/);
  assert.match(text("resume"), /^39 devices will go on/);
  assert.match(text("roll-back"), /^7 devices that have 2026\.11 will go back .* 39 other devices/);
  assert.match(text("recall"), /^7 devices that have 2026\.11/);
  assert.match(text("expedite"), /39 devices .*still waiting: Broad/);
  assert.match(text("approve"), /^Ring Broad .*30 devices/);
  const one = { ...rollout, rings: [{ ...rollout.rings[0], devices: 1, done: 1 }] };
  assert.match(touches(one, { action: "roll-back" }), /^1 device that has 2026\.11/);
});

test("gates show value and limit in their own unit", () => {
  assert.equal(gateFigure({ name: "success-rate", value: 0.9634, limit: 0.98 }), "96.3 % / 98 %");
  assert.equal(gateFigure({ name: "soak", value: 30, limit: 60 }), "30 s / 1 min");
  assert.equal(gateFigure({ name: "deferral", value: 90000, limit: 259200 }), "1 day 1 h / 3 days");
  assert.equal(gateFigure({ name: "sample", value: 4, limit: 10 }), "4 / 10");
  assert.equal(gateFigure({ name: "error-rate", value: null, limit: 0.01 }), "– / 1 %");
  assert.equal(gateFigure({ name: "deferral", value: 5, limit: 0 }), "");
  assert.equal(gateFigure({ name: "approval", value: null, limit: null }), "");
});

test("a viewer may do nothing, an operator not administer", () => {
  assert.deepEqual(["viewer", "operator", "administrator", undefined].map((role) => mayOperate({ role })),
    [false, true, true, false]);
  assert.deepEqual(["viewer", "operator", "administrator"].map((role) => mayAdminister({ role })),
    [false, false, true]);
  assert.equal(mayOperate(null), false);
});

test("the year has its events in their months, and the next one is still to come", () => {
  const events = [
    { date: "2026-10-13", kind: "baseline", name: "2026.10", planned: true },
    { date: "2026-12-08", kind: "hotpatch", name: "2026.12", planned: true },
    { date: "2026-11-10", kind: "hotpatch", name: "2026.11", planned: true },
  ];
  const at = (text) => Date.parse(text);
  const year = months(events, at("2026-11-10T23:59:59Z"));
  assert.equal(year.length, 12);
  assert.deepEqual(year[9].events.map((e) => e.name), ["2026.10"]);
  assert.equal(year[10].isNow, true);
  // The release day itself has not passed before it ends.
  assert.equal(nextEvent(events, at("2026-11-10T23:59:59Z")).name, "2026.11");
  assert.equal(nextEvent(events, at("2026-11-11T00:00:00Z")).name, "2026.12");
  assert.equal(nextEvent(events, at("2026-12-31T00:00:00Z")), null);
  assert.equal(isPast(events[0], at("2026-11-10T00:00:00Z")), true);
});
