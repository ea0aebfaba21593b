// SPDX-License-Identifier: Apache-2.0
/** What administrators set: the policy, users, API tokens. */

import assert from "node:assert/strict";

import { ask, Person, until } from "./hub.js";

const section = (page, id) => page.locator(`section:has(#h-${id})`);

async function policy({ admin }, visitor) {
  const { page } = visitor;
  const before = await admin.get("/policy");
  await visitor.signIn(admin.name, admin.password, "#/settings");
  await page.getByRole("button", { name: "Change ring Fast" }).click();
  const dialog = page.locator("dialog");
  await visitor.sees("dialog h2", /^Ring Fast$/);
  await dialog.getByLabel("Soak time", { exact: true }).fill("36");
  await dialog.getByLabel("Unit of soak time").selectOption("hours");
  await dialog.getByLabel("Error rate at most, %").fill("0.5");
  await dialog.getByLabel("Attribute").fill("role");
  await dialog.getByRole("button", { name: "Change the ring" }).click();
  await visitor.sees("dialog [role=alert]", /attribute needs its value/);
  await dialog.getByLabel("Value").fill("fast");
  await dialog.getByRole("button", { name: "Change the ring" }).click();
  await dialog.waitFor({ state: "detached" });
  await visitor.sees(page.locator("tbody tr").filter({ has: page.getByRole("button", { name: "Change ring Fast" }) }),
    /^Fast role=fast, or 10 % none 1 day 12 h 1 .* ≤ 0\.5 %/);

  const fast = before.rings.find((ring) => ring.name === "fast");
  const changed = { ...fast, soak_s: 129600, error_rate: 0.005, match: { attribute: "role", value: "fast" } };
  assert.deepEqual(await admin.get("/policy"), { ...before, rings: before.rings.map((ring) => (ring.name === "fast" ? changed : ring)) });

  await page.getByRole("button", { name: "Red gates and starts" }).click();
  await dialog.getByLabel(/error rate of a ring/).selectOption("roll-back");
  await dialog.getByRole("button", { name: "Change the policy" }).click();
  await visitor.sees("main", /A gate that fails rolls the rollout back/);
  assert.equal((await admin.get("/policy")).on_red, "roll-back");
  assert.equal((await admin.get("/audit?limit=1&action=policy.set")).items[0].actor, "user:admin");
  await admin.api("PUT", "/policy", before);
  await visitor.sees("main", /A gate that fails pauses the rollout/); // also what others change is seen
}

async function rings({ admin }, visitor) {
  const { page } = visitor;
  const before = await admin.get("/policy");
  visitor.expect(400);
  const names = async () => (await admin.get("/policy")).rings.map((ring) => ring.name);
  await visitor.signIn(admin.name, admin.password, "#/settings");
  await page.getByRole("button", { name: "New ring" }).click();
  const dialog = page.locator("dialog");
  await dialog.getByLabel("Name").fill("late");
  await dialog.getByLabel("Label").fill("Late");
  await dialog.getByLabel("Share of all, %").fill("95");
  await dialog.getByRole("button", { name: "Make the ring" }).click();
  await visitor.sees("dialog [role=alert]", /115 percent together/); // the hub's own words
  await dialog.getByLabel("Share of all, %").fill("25");
  await dialog.getByRole("button", { name: "Make the ring" }).click();
  await page.getByRole("button", { name: "Change ring Late" }).waitFor();
  assert.deepEqual(await names(), ["test", "fast", "late", "broad"]);

  await page.getByRole("button", { name: "Change ring Late" }).click();
  await dialog.getByLabel("Place in the order").fill("1");
  await dialog.getByRole("button", { name: "Change the ring" }).click();
  await visitor.sees(section(page, "policy").locator("tbody"), /^Late .*Test .*Fast .*Broad /);
  await page.getByRole("button", { name: "Remove ring Late" }).click();
  await dialog.getByRole("button", { name: "Remove ring Late" }).click();
  await page.getByRole("button", { name: "Change ring Late" }).waitFor({ state: "detached" });
  assert.deepEqual(await admin.get("/policy"), before);
}

async function users({ admin, base, ca }, visitor) {
  const { page } = visitor;
  const password = "another long password";
  await visitor.signIn(admin.name, admin.password, "#/settings");
  await section(page, "users").getByRole("button", { name: "New user" }).click();
  const dialog = page.locator("dialog");
  await dialog.getByLabel("Name").fill("berta");
  await dialog.getByLabel("Password").fill(password);
  await dialog.getByLabel("Role").selectOption("operator");
  await dialog.getByRole("button", { name: "Make the user" }).click();
  await visitor.sees(section(page, "users").locator("tbody tr").filter({ hasText: "berta" }), /^berta operator/);
  const berta = await new Person(base, ca).signIn("berta", password);
  assert.equal((await berta.get("/session")).user.role, "operator");
  assert.equal(await page.getByRole("button", { name: "Remove admin" }).count(), 0);

  const third = "a third long password";
  await page.getByRole("button", { name: "New password for berta" }).click();
  await dialog.getByLabel("New password").fill(third);
  await dialog.getByRole("button", { name: "Set it" }).click();
  await dialog.waitFor({ state: "detached" });
  await assert.rejects(berta.get("/session"), /401/);
  await berta.signIn("berta", third);

  await page.getByRole("button", { name: "Remove berta" }).click();
  await visitor.sees("dialog p", /signed out at once/);
  await dialog.getByRole("button", { name: "Remove berta" }).click();
  await page.getByRole("button", { name: "Remove berta" }).waitFor({ state: "detached" });
  await assert.rejects(berta.get("/session"), /401/);
  await assert.rejects(new Person(base, ca).signIn("berta", password), /401/);
  const entries = (await admin.get("/audit?limit=10")).items.filter((entry) => entry.object === "berta" && entry.action.startsWith("user."));
  assert.deepEqual(entries.map((entry) => entry.action), ["user.delete", "user.password", "user.add"]);
}

async function ownPassword({ admin, base, ca }, visitor) {
  const { page } = visitor;
  const [first, second] = ["a first long password", "a second long password"];
  await admin.api("POST", "/users", { name: "cosima", password: first, role: "viewer" });
  const elsewhere = await new Person(base, ca).signIn("cosima", first);
  visitor.expect(403);
  await visitor.signIn("cosima", first, "#/settings");
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.locator("dialog");
  await dialog.getByLabel("Current password").fill("not the first one");
  await dialog.getByLabel("New password").fill(second);
  await dialog.getByLabel("Again").fill(first);
  await dialog.getByRole("button", { name: "Change it" }).click();
  await visitor.sees("dialog [role=alert]", /not the same twice/);
  await dialog.getByLabel("Again").fill(second);
  await dialog.getByRole("button", { name: "Change it" }).click();
  await visitor.sees("dialog [role=alert]", /current password is wrong/);
  await dialog.getByLabel("Current password").fill(first);
  await dialog.getByRole("button", { name: "Change it" }).click();
  await dialog.waitFor({ state: "detached" });
  await visitor.wasTold("Your password is changed.");
  await assert.rejects(elsewhere.get("/session"), /401/);
  await visitor.reload(); // this session goes on
  await visitor.sees("main", /Signed in as cosima, viewer/);
  await elsewhere.signIn("cosima", second);
  await admin.api("DELETE", "/users/cosima");
}

async function apiTokens({ admin, base, ca }, visitor) {
  const { page } = visitor;
  const metrics = async (token) => (await ask(base, "GET", "/metrics", { ca, headers: { Authorization: `Bearer ${token}` } })).status;
  await visitor.signIn(admin.name, admin.password, "#/settings");
  await page.getByRole("button", { name: "New API token" }).click();
  const dialog = page.locator("dialog");
  await dialog.getByLabel("Label").fill("monitoring");
  await dialog.getByLabel("Days until it expires").fill("30");
  await dialog.getByRole("button", { name: "Make it" }).click();
  await visitor.sees("dialog h2", /^The new token$/);
  const token = await dialog.getByLabel("The token").inputValue();
  await until("the token opens the figures", async () => (await metrics(token)) === 200);
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
  await visitor.sees(section(page, "api-tokens").locator("tbody"), /monitoring viewer .*in (30|29) days/);
  assert.ok(!(await page.content()).includes(token), "the token is shown once");

  await page.getByRole("button", { name: "Take back monitoring" }).click();
  await dialog.getByRole("button", { name: "Take back" }).click();
  await visitor.sees(section(page, "api-tokens"), /None\. Monitoring needs one/);
  assert.equal(await metrics(token), 401);
}

export const settingsScenarios = {
  "an administrator changes the gates of a ring": policy,
  "rings are made, moved and removed": rings,
  "a user is made, signs in, and is taken away": users,
  "people change their own password, and stay signed in there": ownPassword,
  "an API token is shown once, works, and is taken back": apiTokens,
};
