// SPDX-License-Identifier: Apache-2.0
/** What is slow on its way must not undo what the page, or the person before it, did meanwhile. */

import assert from "node:assert/strict";

const path = "/rollouts/2026.11";

/** A gate for requests: they wait until it is opened. */
function gate() {
  const gate = {};
  gate.opened = new Promise((open) => (gate.open = open));
  return gate;
}

/** Put @p handle in the way of the requests for @p url. */
function between(visitor, url, handle) {
  return visitor.page.route(url, (route) => handle(route).catch((error) => visitor.wrong.push(`between: ${error.message}`)));
}

/** The hub carries out what changes the device, and its answer waits for @p until. */
function answerLate(visitor, id, until) {
  return between(visitor, `**/api/v1/devices/${id}`, async (route) => {
    if (route.request().method() !== "PATCH") return route.continue();
    const response = await route.fetch();
    await until();
    return route.fulfill({ response });
  });
}

async function lateStream({ admin }, visitor) {
  const { page } = visitor;
  const { opened, open } = gate();
  await between(visitor, "**/api/v1/events", async (route) => {
    await opened;
    return route.continue();
  });
  await visitor.signIn(admin.name, admin.password, "#/audit");
  await admin.api("POST", `${path}/pause`, { reason: "before the stream" });
  assert.doesNotMatch(await page.locator("main").innerText(), /before the stream/);
  open();
  await visitor.sees("tbody tr:first-child", /before the stream/);
  await visitor.live();
  await admin.api("POST", `${path}/resume`, { reason: "the stream tells of it" });
  await visitor.sees("tbody tr:first-child", /the stream tells of it/);
}

async function lateAnswer({ admin, devices }, visitor) {
  const { page } = visitor;
  const { id, hostname } = devices.find((device) => device.hostname === "fast-00");
  const buttons = page.locator("main .head > .buttons");
  const dialog = page.locator("dialog");
  await admin.api("PATCH", `/devices/${id}`, { hold: { reason: "a look at it" } });
  await visitor.signIn(admin.name, admin.password, `#/devices/${id}`);
  await visitor.live();

  // The events tell the page of its own change before the answer does.
  await buttons.getByRole("button", { name: "Lift the hold" }).click();
  await visitor.sees("dialog p", /It was held because: a look at it/);
  await answerLate(visitor, id, () => visitor.sees(buttons, /^Hold Ring/));
  await dialog.getByRole("button", { name: "Lift the hold" }).click();
  await dialog.waitFor({ state: "detached" });
  assert.equal((await admin.get(`/devices/${id}`)).hold, null);

  // Who does not wait for the answer has another dialog open when it comes.
  const { opened, open } = gate();
  await page.unrouteAll({ behavior: "wait" });
  await answerLate(visitor, id, () => opened);
  await buttons.getByRole("button", { name: "Hold", exact: true }).click();
  await dialog.getByLabel("Reason").fill("once more");
  await dialog.getByRole("button", { name: `Hold ${hostname}` }).click();
  await dialog.getByRole("button", { name: "Working…" }).waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await buttons.getByRole("button", { name: "Ring…" }).click();
  await visitor.sees("dialog h2", new RegExp(`^Ring of ${hostname}$`));
  open();
  await visitor.wasTold(`${hostname} is held.`);
  assert.equal(await dialog.locator("h2").innerText(), `Ring of ${hostname}`);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await admin.api("PATCH", `/devices/${id}`, { hold: null });
}

async function lateChoice({ admin }, visitor) {
  const { page } = visitor;
  const { items } = await admin.get("/releases?limit=200");
  const like = items.find((release) => release.name === "2026.11");
  let rollout = null;
  await between(visitor, "**/api/v1/releases?limit=200", (route) =>
    route.fulfill({ json: { items: [{ ...like, name: "2026.12", rollout }], next: null, total: 1 } }));
  await visitor.signIn(admin.name, admin.password, "#/rollouts");
  await visitor.live();
  const start = page.locator("main .head > button");
  await start.click();
  const choice = page.locator("dialog").getByLabel("Release");
  assert.equal(await choice.inputValue(), "2026.12");
  // Somebody else starts it, and no release is left to choose.
  rollout = { id: "2026.12", state: "running" };
  await admin.api("POST", `${path}/pause`, { reason: "something happens" });
  await page.locator("main .head > button:disabled").waitFor();
  assert.equal(await choice.inputValue(), "2026.12");
  await admin.api("POST", `${path}/resume`, { reason: "it goes on" });
}

export const lateScenarios = {
  "what happens before the stream of events is open is shown": lateStream,
  "a late answer to a dialog breaks nothing, and closes no other one": lateAnswer,
  "what is chosen in a dialog stays, whatever happens meanwhile": lateChoice,
};
