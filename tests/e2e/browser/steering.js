// SPDX-License-Identifier: Apache-2.0
/** What operators do with a rollout: each asks for its reason, is in the audit log, and takes effect. */

import assert from "node:assert/strict";

import { until } from "./hub.js";

const release = "2026.11.1";
const path = `/rollouts/${release}`;

/**
 * A rollout of a further release, which waits for a person, as does its first ring: made by
 * the first scenario that needs it. The others bring it as far as they need it.
 */
async function furtherRollout({ admin, policy, publish }) {
  const find = async () => (await admin.get("/rollouts")).items.find((rollout) => rollout.id === release);
  const there = await find();
  if (there) return there;
  await admin.api("PUT", "/policy", { ...policy, auto_start: false, rings: policy.rings.map((ring, i) => ({ ...ring, approval: i === 0 })) });
  await publish(release);
  return until("there is a rollout of the further release", find);
}

async function startedRollout(world) {
  const { state } = await furtherRollout(world);
  if (state === "waiting") await world.admin.api("POST", `${path}/start`, { reason: "to go on from" });
}

/** Press a button, see whom it touches, and say why. */
async function decide(visitor, button, touches, confirm, reason) {
  const { page } = visitor;
  await page.locator("main .head").getByRole("button", { name: button, exact: true }).click();
  const dialog = page.locator("dialog");
  await visitor.sees("dialog p", touches);
  await dialog.getByRole("button", { name: confirm, exact: true }).click();
  // The browser lets no form go without the reason.
  await until("the reason is asked for", () => page.evaluate(() => document.activeElement?.name === "reason"));
  await dialog.getByLabel("Reason").fill(reason);
  await dialog.getByRole("button", { name: confirm, exact: true }).click();
  await dialog.waitFor({ state: "detached" });
}

/** The time line, the audit log by page and by API, and the signed document have it. */
async function isNoted({ admin }, visitor, word, action, reason) {
  await visitor.sees(".timeline", new RegExp(`^${word} .*by admin .*${reason}`));
  await visitor.page.getByRole("link", { name: "Audit" }).click();
  await visitor.sees("tbody tr:first-child", new RegExp(`admin.*rollout\\.${action}.*${release}.*${reason}`));
  const [entry] = (await admin.get(`/audit?limit=1&action=rollout.${action}`)).items;
  assert.deepEqual([entry.object, entry.detail.reason, entry.actor], [release, reason, "user:admin"]);
  await until("the decision is published", async () => {
    const { decision, published } = await admin.get(path);
    return decision === published;
  });
}

async function starting(world, visitor) {
  const { page } = visitor;
  await furtherRollout(world);
  await visitor.signIn(world.admin.name, world.admin.password, "#/rollouts");
  await page.getByRole("link", { name: release, exact: true }).click();
  await visitor.sees("h1", /Not started/);
  await decide(visitor, "Start", /\d+ devices in 3 rings will take 2026\.11\.1, ring by ring/, `Start ${release}`, "the change window is open");
  await visitor.sees("h1", /Running/);
  assert.equal((await world.admin.get(path)).state, "running");
  await isNoted(world, visitor, "Started", "started", "the change window is open");
}

async function approving(world, visitor) {
  await startedRollout(world);
  const { admin } = world;
  const [{ state, devices }] = (await admin.get(path)).rings;
  assert.equal(state, "waiting");
  await visitor.signIn(admin.name, admin.password, `#${path}`);
  await decide(visitor, "Approve Test", new RegExp(`^Ring Test passes its approval: its ${devices} devices will take`),
    "Approve ring Test", "the canaries are watched");
  await visitor.sees(".lane:first-child .lane-head", /Open/);
  assert.equal((await admin.get(path)).rings[0].state, "open");
  await visitor.page.locator("main .head").getByRole("button", { name: "Approve Test" }).waitFor({ state: "detached" });
  // The ring opened by the gates, after the word.
  await visitor.sees(".timeline", /^Ring opened Test by hub .*Approved Test by admin .*the canaries are watched/);
  await visitor.page.getByRole("link", { name: "Audit" }).click();
  await visitor.sees("tbody", /admin.*rollout\.approved.*2026\.11\.1.*the canaries are watched/);
  const [entry] = (await admin.get("/audit?limit=1&action=rollout.approved")).items;
  assert.deepEqual([entry.object, entry.detail.reason, entry.detail.ring], [release, "the canaries are watched", "test"]);
}

async function expediting(world, visitor) {
  await startedRollout(world);
  const { admin } = world;
  const { rings } = await admin.get(path);
  assert.notEqual(rings.at(-1).state, "open");
  await visitor.signIn(admin.name, admin.password, `#${path}`);

  // A paused rollout says what to do first.
  await admin.api("POST", `${path}/pause`, { reason: "a look at it" });
  await visitor.sees("main", /resume it first, then expedite it/);
  assert.equal(await visitor.page.locator("main .head").getByRole("button", { name: "Expedite" }).count(), 0);
  await assert.rejects(admin.api("POST", `${path}/expedite`, { reason: "now" }), /409.*resume it first, then expedite it/);
  await admin.api("POST", `${path}/resume`, { reason: "looked at" });

  await decide(visitor, "Expedite", /All rings open at once, .*still waiting: .*Broad/, `Expedite ${release}`, "it is attacked");
  await visitor.sees("h1", /expedited/);
  await visitor.sees(".lane:last-child .lane-head", /Broad (Open|Done)/);
  await until("all rings are open", async () => (await admin.get(path)).rings.every((ring) => ring.state !== "waiting"));
  assert.equal((await admin.get(path)).expedited, true);
  await visitor.sees(".timeline", /Expedited .*by admin .*it is attacked/);
  const [entry] = (await admin.get("/audit?limit=1&action=rollout.expedited")).items;
  assert.deepEqual([entry.object, entry.detail.reason], [release, "it is attacked"]);
}

async function recalling(world, visitor) {
  await startedRollout(world);
  const { admin } = world;
  await visitor.signIn(admin.name, admin.password, `#${path}`);
  await decide(visitor, "Recall", /will take its hotpatches out at once, .*Nobody can start this release again/, `Recall ${release}`, "it loses data");
  await visitor.sees("h1", /Recalled/);
  assert.equal(await visitor.page.locator("main .head button").count(), 0);
  assert.equal((await admin.get(path)).state, "recalled");
  await isNoted(world, visitor, "Recalled", "recalled", "it loses data");
  await assert.rejects(admin.api("POST", `${path}/start`, { reason: "again" }), /409/);
}

export const steeringScenarios = {
  "starting a rollout asks for a reason, is in the audit log, and the rollout runs": starting,
  "approving a ring opens it, with who approved and why": approving,
  "expediting opens all rings; a paused rollout says what to do first": expediting,
  "recalling takes a release back for good, with the reason": recalling,
};
