// SPDX-License-Identifier: Apache-2.0
/**
 * What people do with the pages. Each scenario gets the world (seed.js) and a visitor who
 * has not signed in. They run in this order: the later ones change the fleet.
 */

import assert from "node:assert/strict";

import { count, percent } from "../../../web/lib/format.js";
import { deviceStatuses } from "../../../web/model/status.js";
import { worstContrast } from "./contrast.js";
import { ask, until } from "./hub.js";
import { lateScenarios } from "./late.js";
import { settingsScenarios } from "./settings.js";
import { steeringScenarios } from "./steering.js";

async function signingIn({ admin }, visitor) {
  const { page } = visitor;
  visitor.expect(401);
  await visitor.open("#/audit");
  await page.getByLabel("Name").fill(admin.name);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await visitor.sees("[role=alert]", /Name or password is wrong/);
  await until("the password is gone", async () => (await page.getByLabel("Password").inputValue()) === "");

  await page.getByLabel("Password").fill(admin.password);
  await page.keyboard.press("Enter");
  await visitor.sees("h1", /^Audit$/);
  await visitor.reload();
  await visitor.sees("h1", /^Audit$/);

  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Password").waitFor();
  await visitor.reload();
  await page.getByLabel("Password").waitFor();
  assert.equal(await page.locator("nav").count(), 0);
}

/** What the overview's page shows otherwise than the API tells, or null. */
async function overviewTrouble(page, hub) {
  const text = (await page.locator("main").innerText()).replace(/\s+/g, " ");
  const rows = page.locator("tbody tr");
  const flat = async (element) => (await element.allInnerTexts()).join(" ").replace(/\s+/g, " ").trim();
  const wanted = [
    `${count(hub.devices.total)} devices`, percent(hub.protected_share),
    `${count(hub.processes.protected)} of ${count(hub.processes.total)} processes`, ...hub.attention.map((item) => item.text),
  ];
  for (const one of wanted) if (!text.includes(one)) return `"${one}" is not in ${text}`;
  for (const { id, word } of deviceStatuses) {
    const shown = await flat(page.locator(".statuses li").filter({ hasText: word }));
    if (!new RegExp(`${word} ?${hub.devices.by_status[id]}$`).test(shown)) return `${word}: ${shown}`;
  }
  for (const ring of hub.devices.by_ring) {
    const shown = await flat(rows.filter({ hasText: ring.label }));
    if (!new RegExp(`(^|\\D)${ring.total}$`).test(shown)) return `${ring.label}: ${shown}`;
  }
  const months = await page.locator(".year > li").count();
  const events = await page.locator(".year .event").count();
  if (months !== 12 || events !== hub.calendar.length) return `${months} months with ${events} events`;
  return hub.devices.total > 50 ? null : `only ${hub.devices.total} devices`;
}

async function overview({ admin }, visitor) {
  const { page } = visitor;
  await visitor.signIn(admin.name, admin.password);
  // Both sides may move between two looks, so they are compared until they agree.
  await visitor.agrees(async () => overviewTrouble(page, await admin.get("/overview")));

  await page.locator(".statuses a").filter({ hasText: "Not ready" }).click();
  await page.waitForURL(/#\/devices\?status=not-ready$/);
  await visitor.loaded();
  await visitor.agrees(async () => {
    const rows = await page.locator("tbody tr").count();
    const { total } = await admin.get("/devices?status=not-ready&limit=1");
    return rows === total && total > 0 ? null : `${rows} rows, ${total} devices are not ready`;
  });
}

async function filters({ admin }, visitor) {
  const { page } = visitor;
  await visitor.signIn(admin.name, admin.password, "#/devices");
  const { total } = await admin.get("/devices?limit=1");
  const range = (from, to, of) => visitor.sees(".pager", new RegExp(`^${from}–${to} of ${of}( |$)`));
  await range(1, 50, total);
  const first = await page.locator("tbody th").first().innerText();
  await page.getByRole("link", { name: "Next" }).click();
  await range(51, total, total);
  assert.notEqual(await page.locator("tbody th").first().innerText(), first);
  await visitor.reload();
  await range(51, total, total);
  await page.getByRole("link", { name: "Previous" }).click();
  await range(1, 50, total);

  const fast = (await admin.get("/devices?ring=fast&limit=1")).total;
  await page.getByLabel("Ring").selectOption("fast");
  await range(1, fast, fast);
  await page.getByLabel("Search").fill("fast-03");
  await page.keyboard.press("Enter");
  await range(1, 1, 1);
  await page.waitForURL(/#\/devices\?q=fast-03&ring=fast$/);
  await visitor.reload();
  await range(1, 1, 1);
  assert.equal(await page.getByLabel("Ring").inputValue(), "fast");
  await page.goBack();
  await range(1, fast, fast);
  await page.getByLabel("Search").fill("no such device");
  await page.getByRole("button", { name: "Search" }).click();
  await visitor.sees(".empty", /No device is like that/);
  await page.getByRole("link", { name: "Clear" }).click();
  await range(1, 50, total);
}

async function device({ admin, devices }, visitor) {
  const { page } = visitor;
  const { id, hostname } = devices.find((d) => d.hostname === "test-03");
  const hub = await admin.get(`/devices/${id}`);
  await visitor.signIn(admin.name, admin.password, `#/devices/${id}`);
  await visitor.sees("h1", new RegExp(`^${hostname}`));
  const rows = page.locator("section:has(#h-processes) tbody tr");
  await until("all processes are there", async () => (await rows.count()) === hub.processes.length);
  const proved = hub.processes.find((p) => p.proof);
  await visitor.sees(rows.filter({ hasText: new RegExp(`\\b${proved.pid}\\b`) }), new RegExp(`Protected.*${proved.proof.slice(0, 12)}.*verified`));
  for (const process of hub.processes)
    await visitor.sees(rows.filter({ hasText: new RegExp(`\\b${process.pid}\\b`) }), new RegExp(process.reason_text.slice(0, 20).replace(/[.()]/g, ".")));
  // A process names itself: what looks like a page's code is only text.
  await page.getByText("<img src=x onerror=alert(1)>").first().waitFor();
  await visitor.sees("section:has(#h-history)", /Refreshed.*timestamp 1.*Applied.*to pid 800 in 41 µs/);
  await visitor.sees("section:has(#h-next)", /2026\.11 is tried again/);

  await page.getByRole("button", { name: "Hold" }).click();
  await visitor.sees("dialog h2", new RegExp(`^Hold ${hostname}\\?$`));
  await page.locator("dialog").getByLabel("Reason").fill("the disk is being replaced");
  await page.getByRole("button", { name: `Hold ${hostname}` }).click();
  await visitor.sees("h1", /Held/);
  assert.equal((await admin.get(`/devices/${id}`)).hold.reason, "the disk is being replaced");
  await page.getByRole("button", { name: "Lift the hold" }).click();
  await page.locator("dialog").getByRole("button", { name: "Lift the hold" }).click();
  await page.getByRole("button", { name: "Hold", exact: true }).waitFor();
  assert.equal((await admin.get(`/devices/${id}`)).hold, null);
}

async function release({ admin }, visitor) {
  const { page } = visitor;
  await visitor.signIn(admin.name, admin.password, "#/releases");
  await page.getByRole("link", { name: "2026.11", exact: true }).click();
  const hub = await admin.get("/releases/2026.11");
  await visitor.sees("h1", /^Release 2026\.11$/);
  const text = await visitor.sees("main", /Could not be hotpatched/);
  for (const advisory of hub.document.advisories) assert.ok(text.includes(`${advisory.id} ${advisory.severity}`), text);
  for (const hotpatch of hub.document.hotpatches) assert.ok(text.includes(hotpatch.name), text);
  assert.match(text, new RegExp(`instead of .* of packages: ${percent(hub.sizes.size / hub.sizes.full_size)}`));
}

async function colours({ admin }, visitor) {
  const { page } = visitor;
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const isDark = async () => Number(/\d+/.exec(await ground())[0]) < 80;
  await page.emulateMedia({ colorScheme: "dark" });
  await visitor.signIn(admin.name, admin.password);
  await until("the page is dark", isDark);
  const pages = ["#/overview", "#/rollouts/2026.11", "#/devices", "#/releases/2026.11", "#/settings"];
  for (const scheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const address of pages) {
      await visitor.open(address);
      await visitor.loaded();
      const worst = await worstContrast(page);
      assert.ok(worst.ratio >= 4.5, `${scheme} ${address}: ${worst.ratio.toFixed(2)} for "${worst.text}" (${worst.colours})`);
    }
  }
  await until("the page is light", async () => !(await isDark()));
  await page.getByRole("button", { name: /^Colours/ }).click();
  await page.getByRole("button", { name: "Colours: light" }).click();
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  await until("the page is dark", isDark);
  await visitor.reload();
  await page.getByRole("button", { name: "Colours: dark" }).waitFor();
  await until("the page is dark", isDark);
}

async function narrow({ admin, devices }, visitor) {
  const { page } = visitor;
  await page.setViewportSize({ width: 360, height: 740 });
  await visitor.signIn(admin.name, admin.password);
  for (const address of ["overview", "rollouts", "rollouts/2026.11", "devices", `devices/${devices[0].id}`, "releases/2026.11", "audit", "settings"]) {
    await visitor.open(`#/${address}`);
    await visitor.loaded();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${address} is ${over} pixels wider than the window`);
  }
}

/** Press a key until what has the focus has that name. */
async function tabTo(page, name, most = 60) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const { outlineStyle } = getComputedStyle(document.activeElement);
      return { name: document.activeElement.innerText?.trim(), seen: outlineStyle !== "none" };
    });
    if (focused.name !== name) continue;
    assert.equal(focused.seen, true, `${name} does not show that it has the focus`);
    return;
  }
  throw new Error(`no Tab leads to ${name}`);
}

async function keyboard({ admin }, visitor) {
  const { page } = visitor;
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.innerText);
  const focusOn = (name) => until(`the focus is on ${name}`, async () => (await focused()) === name);
  visitor.expect(401);
  await visitor.open("#/overview");
  await page.getByLabel("Name").waitFor();
  await focusOn("name");
  await page.keyboard.type(admin.name);
  await page.keyboard.press("Tab");
  await page.keyboard.type(admin.password);
  await page.keyboard.press("Enter");
  await visitor.loaded();

  await tabTo(page, "Skip to the content");
  await page.keyboard.press("Enter");
  await focusOn("main");
  await visitor.reload();
  await visitor.loaded();
  await tabTo(page, "Rollouts");
  await page.keyboard.press("Enter");
  await visitor.sees("h1", /^Rollouts$/);
  await focusOn("main");
  await visitor.loaded();
  await tabTo(page, "2026.11");
  await page.keyboard.press("Enter");
  await visitor.sees("h1", /^Rollout 2026\.11/);
  await focusOn("main");
  await tabTo(page, "Pause");
  await page.keyboard.press("Enter");
  await page.keyboard.press("x"); // the very next key is the dialog's
  await visitor.sees("dialog h2", /^Pause 2026\.11\?$/);
  await focusOn("reason");
  assert.equal(await page.evaluate(() => document.activeElement.value), "x");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await focusOn("Pause");
}

async function viewer({ admin, base, ca }, visitor) {
  const { page } = visitor;
  await admin.api("POST", "/users", { name: "reader", password: "a long enough password", role: "viewer" });
  await visitor.signIn("reader", "a long enough password", "#/rollouts/2026.11");
  await visitor.sees("h1", /^Rollout 2026\.11/);
  assert.equal(await page.locator("main button").count(), 0);
  await visitor.open("#/rollouts");
  await visitor.loaded();
  assert.equal(await page.locator("main button").count(), 0);
  await visitor.open("#/settings");
  await visitor.loaded();
  // Their own password is all that viewers change.
  assert.deepEqual(await page.locator("main button").allInnerTexts(), ["Change password"]);
  // Not the page, the hub decides: the viewer's own session is refused, and so is a
  // change that does not show the token of its session.
  visitor.expect(403);
  const status = await page.evaluate(async () => {
    const { csrf } = await (await fetch("api/v1/session")).json();
    const reply = await fetch("api/v1/rollouts/2026.11/pause", {
      method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf }, body: '{"reason":"try"}' });
    return reply.status;
  });
  assert.equal(status, 403);
  const forged = await ask(base, "POST", "/api/v1/rollouts/2026.11/pause",
    { ca, headers: { Cookie: admin.cookie }, body: { reason: "forged" } });
  assert.equal(forged.status, 403);
  assert.equal((await admin.get("/rollouts/2026.11")).state, "running");
}

async function pausing({ admin }, visitor) {
  const { page } = visitor;
  await visitor.signIn(admin.name, admin.password, "#/rollouts/2026.11");
  await page.getByRole("button", { name: "Pause" }).click();
  const dialog = page.locator("dialog");
  await visitor.sees("dialog p", /devices? will not take 2026\.11 until somebody resumes it/);
  const reason = dialog.getByLabel("Reason");
  await reason.fill("   ");
  await dialog.getByRole("button", { name: "Pause 2026.11" }).click();
  await visitor.sees("dialog [role=alert]", /Say why/);
  await reason.fill("errors in <b>Test</b>");
  await dialog.getByRole("button", { name: "Pause 2026.11" }).click();
  await dialog.waitFor({ state: "detached" });
  await visitor.sees("h1", /Paused/);
  assert.equal((await admin.get("/rollouts/2026.11")).state, "paused");
  await visitor.sees(".timeline", /Paused by (user:)?admin .*errors in <b>Test<\/b>/);
  await page.getByRole("link", { name: "Audit" }).click();
  await visitor.sees("tbody tr:first-child", /admin .*2026\.11.*errors in <b>Test<\/b>/);
  await visitor.sees(".lead", /chain of [\d,]+ entries is whole/);

  await page.goBack();
  await page.getByRole("button", { name: "Resume" }).click();
  await page.locator("dialog").getByLabel("Reason").fill("they were ours");
  await page.getByRole("button", { name: "Resume 2026.11" }).click();
  await visitor.sees("h1", /Running/);
  assert.equal((await admin.get("/rollouts/2026.11")).state, "running");
}

async function live({ admin, newDevice, hub }, visitor) {
  const { page } = visitor;
  await visitor.signIn(admin.name, admin.password);
  await visitor.live();
  await page.evaluate(() => (window.stillTheSame = true));
  const { total } = (await admin.get("/overview")).devices;
  await newDevice("late-00", "test");
  await visitor.sees(".hero .of", new RegExp(`^${total + 1} devices$`));
  await admin.api("POST", "/rollouts/2026.11/pause", { reason: "from the shell" });
  await visitor.sees(".running h3", /Paused/);
  await visitor.open("#/rollouts/2026.11");
  await visitor.sees("h1", /Paused/);
  await admin.api("POST", "/rollouts/2026.11/resume", { reason: "from the shell again" });
  await visitor.sees("h1", /Running/);
  await visitor.sees(".timeline", /from the shell again/);

  // What somebody is typing stays when what is around it changes.
  await visitor.open("#/devices");
  await visitor.sees(".pager", new RegExp(` of ${total + 1}( |$)`));
  await page.getByLabel("Search").fill("half a na");
  await newDevice("late-01", "test");
  await visitor.sees(".pager", new RegExp(` of ${total + 2}( |$)`));
  assert.equal(await page.getByLabel("Search").inputValue(), "half a na");
  assert.equal(await page.evaluate(() => window.stillTheSame), true, "the page was loaded again");
  assert.equal(hub.ended, null);
}

async function rollBack({ admin }, visitor) {
  const { page } = visitor;
  await visitor.signIn(admin.name, admin.password, "#/rollouts/2026.11");
  const rollout = await admin.get("/rollouts/2026.11");
  const done = rollout.rings.reduce((n, ring) => n + ring.done, 0);
  assert.ok(done > 0);
  await page.getByRole("button", { name: "Roll back" }).click();
  await visitor.sees("dialog p", new RegExp(`^${done} devices? that ha(s|ve) 2026\\.11 will go back`));
  await page.locator("dialog").getByLabel("Reason").fill("slower than before");
  await page.getByRole("button", { name: "Roll back 2026.11" }).click();
  await visitor.sees("h1", /Rolled back/);
  await page.locator("main .head").getByRole("button", { name: "Start" }).waitFor();
  assert.equal(await page.locator("main .head").getByRole("button", { name: "Roll back" }).count(), 0);
  assert.equal((await admin.get("/rollouts/2026.11")).state, "rolled-back");
  await visitor.sees(".timeline li:first-child", /Rolled back by (user:)?admin .*slower than before/);
  // What was decided is what devices can read: the number in the signed document.
  await until("the decision is published", async () => {
    const { decision, published } = await admin.get("/rollouts/2026.11");
    return decision === published;
  });
  await visitor.sees(".facts", /signed and published/);
}

async function hubGone({ admin, newDevice, restartHub }, visitor) {
  const { page } = visitor;
  await visitor.signIn(admin.name, admin.password);
  await visitor.live();
  await page.evaluate(() => (window.stillTheSame = true));
  visitor.expect("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_NETWORK_CHANGED");
  await restartHub(async () => {
    await page.locator(".live[data-live=no]").waitFor();
  });
  await visitor.live();
  // What is shown is what the new hub says, not what was there before.
  const { total } = (await admin.get("/overview")).devices;
  await newDevice("later-00", "fast");
  await visitor.sees(".hero .of", new RegExp(`^${total + 1} devices$`));
  assert.equal(await page.evaluate(() => window.stillTheSame), true);
}

/** The monitor of each visitor does see what it looks for. */
async function policy({ base, ca }, visitor) {
  const { page } = visitor;
  const { headers } = await ask(base, "GET", "/", { ca });
  assert.match(headers["content-security-policy"], /script-src 'self'(;|$)/);
  assert.doesNotMatch(headers["content-security-policy"], /unsafe|\*|https?:/);
  visitor.expect(401);
  await visitor.open("");
  await page.getByLabel("Name").waitFor();
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
  });
  await until("the monitor tells of it", () => visitor.wrong.some((text) => /policy violated: script-src/.test(text)));
  assert.equal(await page.evaluate(() => window.ran), undefined);
  await page.evaluate(() => fetch("https://127.0.0.1:1/").catch(() => {}));
  await until("the monitor tells of it", () => visitor.wrong.some((text) => /connect-src|request to/.test(text)));
  visitor.wrong.length = 0;
}

export const scenarios = {
  "a wrong password is refused, the right one leads to the page that was asked for": signingIn,
  "the overview shows the numbers that the API has": overview,
  "filters and pages of the devices are in the address": filters,
  "a device shows its processes with proof, can be held and let go": device,
  "a release shows advisories and sizes": release,
  "light and dark, as the system or a person says, and all text can be read": colours,
  "no page is wider than a telephone": narrow,
  "everything can be done by keyboard, and the focus is seen": keyboard,
  "a viewer sees no action, and the hub refuses one": viewer,
  "pausing asks for a reason, which the audit log then has; resuming goes on": pausing,
  "what happens elsewhere shows without loading the page again": live,
  ...lateScenarios,
  "rolling back names how many devices it touches": rollBack,
  ...steeringScenarios,
  ...settingsScenarios,
  "a page that lost the hub finds it again by itself": hubGone,
  "nothing runs that is not a file of the hub": policy,
};
