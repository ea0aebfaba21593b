// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";
import { render } from "preact-render-to-string";

import { html } from "../../../web/lib/html.js";
import { parseRoute } from "../../../web/lib/route.js";
import { App } from "../../../web/views/app.js";
import * as fixture from "./fixtures.js";

const now = Date.parse("2026-11-10T12:00:00Z");
const ready = (data) => ({ state: "ready", data, error: null });
const { list } = fixture;

/** The page at an address, for a user of that role. */
function page(hash, parts, role = "operator", more = {}) {
  return render(html`<${App} session=${{ state: "in", user: { name: "anna", role }, csrf: "c" }}
    route=${parseRoute(hash)} parts=${parts} live=${true} now=${now} notice="" theme="system" actions=${{ reload() {} }} ...${more} />`);
}

const text = (markup) => markup.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");

const pages = {
  "#/overview": { overview: fixture.overview },
  "#/rollouts": { list: list(fixture.rollout), releases: list(fixture.releaseRow) },
  "#/rollouts/2026.11": { rollout: fixture.rollout, whyNot: list({
    device: fixture.device.id, hostname: "web-1", ring: "test", status: "exposed", reason: "busy",
    reason_text: "It never left the old code.", remedy: "Restart the unit.", pid: 812, process: "nginx",
    path: "/usr/sbin/nginx", detail: "" }) },
  "#/devices": { list: list(fixture.device), policy: fixture.policy, groups: list() },
  [`#/devices/${fixture.device.id}`]: { device: fixture.deviceDetail, policy: fixture.policy, history: list(
    { seq: 1, time: "2026-11-10T11:00:00Z", type: "probe-failed", hotpatch: "nginx-aa", detail: "502" }) },
  "#/releases": { list: list(fixture.releaseRow) },
  "#/releases/2026.11": { release: fixture.release },
  "#/audit": { check: { ok: true, entries: 3, head: "aa".repeat(32) }, list: list(
    { seq: 3, time: "2026-11-10T11:00:00Z", actor: "anna", action: "rollout.pause", object: "2026.11",
      detail: { reason: "too fast" }, hash: "aa".repeat(32), prev: "bb".repeat(32) }) },
  "#/settings": { policy: fixture.policy, users: list({ name: "admin", role: "administrator", created: "2026-11-01T00:00:00Z" }),
    tokens: list({ id: "t", label: "web servers", ring: null, uses: 5, used: 2, created: "2026-11-10T11:00:00Z",
      expires: "2026-11-11T11:00:00Z", created_by: "anna" }),
    apiTokens: list({ id: "a", label: "monitoring", role: "viewer", created: "2026-11-10T11:00:00Z", expires: null }) },
};

const readyParts = (parts) => Object.fromEntries(Object.entries(parts).map(([name, data]) => [name, ready(data)]));
const show = (hash, role, more) => page(hash, readyParts({ ...pages[hash], ...more }), role);

test("each page has one heading, and says where one is", () => {
  for (const hash of Object.keys(pages)) {
    const markup = show(hash, "administrator");
    assert.equal(markup.match(/<h1/g).length, 1, hash);
    assert.equal(markup.match(/aria-current="page"/g).length, 1, hash);
    assert.match(markup, /<main id="main" tabindex="-1" data-page=/);
  }
});

test("each part of each page says that it loads, and why it could not", () => {
  const error = Object.assign(new Error("The hub does not answer."), { status: 0 });
  for (const [hash, parts] of Object.entries(pages))
    for (const name of Object.keys(parts)) {
      if (["releases", "groups"].includes(name) || (name === "policy" && hash !== "#/settings")) continue; // only fill choices
      const rest = readyParts(parts);
      const loading = page(hash, { ...rest, [name]: { state: "loading" } }, "administrator");
      assert.match(text(loading), /Loading /, `${hash} ${name}`);
      const failed = page(hash, { ...rest, [name]: { state: "error", error } }, "administrator");
      assert.match(text(failed), /Could not load .* The hub does not answer\. Try again/, `${hash} ${name}`);
    }
});

test("what could not be fetched again is shown as it was, and said to be old", () => {
  const error = Object.assign(new Error("The hub does not answer."), { status: 0 });
  const markup = page("#/overview", { overview: { ...ready(fixture.overview), error } });
  assert.match(text(markup), /This may be old: The hub does not answer\..*97 %/);
});

test("an empty list says what would fill it", () => {
  assert.match(text(show("#/rollouts", "viewer", { list: list() })), /No rollout yet/);
  assert.match(text(show("#/devices", "viewer", { list: list() })), /No device has enrolled yet/);
  assert.match(text(show("#/releases", "viewer", { list: list() })), /no release yet/);
  assert.match(text(page("#/devices?status=held", readyParts({ ...pages["#/devices"], list: list() }))), /No device is like that/);
  const { overview } = fixture;
  const empty = { ...overview, devices: { ...overview.devices, total: 0 }, rollouts: [], attention: [], protected_share: null };
  assert.match(text(show("#/overview", "viewer", { overview: empty })),
    /No device has enrolled yet.*Nothing\. The fleet looks after itself.*None is running/);
});

test("the overview shows the hub's numbers, and each leads to its devices", () => {
  const markup = show("#/overview", "viewer");
  assert.match(text(markup), /97 % 97 of 100 processes/);
  assert.match(text(markup), /46 devices.*Protected 40.*Exposed 4.*Off line 2/);
  assert.match(markup, /href="#\/devices\?status=exposed"/);
  assert.match(markup, /href="#\/devices\?ring=test&amp;status=protected"/);
});

test("a share of nothing is no share", () => {
  const none = { ...fixture.overview, protected_share: null, processes: { total: 0, protected: 0 } };
  assert.match(text(show("#/overview", "viewer", { overview: none })), /– No process runs a build that a hotpatch is for/);
});

test("a rollout shows each gate with value, limit, sample and word", () => {
  const shown = text(show("#/rollouts/2026.11", "viewer"));
  assert.match(shown, /Failed Error rate 50 % \/ 1 % 1 of 2 failed · sample 2/);
  assert.match(shown, /Waiting Approval a person must approve/);
  assert.match(shown, /number 7 is not published yet \(the repository has 6\)/);
  assert.match(shown, /Ring opened Fast by hub.*Created by hub/);
});

test("a viewer sees no button that acts", () => {
  const acting = /Pause|Roll back|Recall|Expedite|Approve Broad|>Hold<|Ring…|>Remove<|New token|Take back|Start a rollout/;
  for (const hash of Object.keys(pages)) {
    const viewer = show(hash, "viewer").replace(/<(td|th|h2|dt|span|option)[^>]*>[^<]*/g, "");
    assert.doesNotMatch(viewer, acting, hash);
  }
  assert.match(show("#/rollouts/2026.11", "operator"), />Pause<.*>Roll back<.*>Recall</s);
  assert.match(show(`#/devices/${fixture.device.id}`, "operator"), />Hold<.*>Remove</s);
});

test("a device shows its processes with proof, the worst first", () => {
  const shown = text(show(`#/devices/${fixture.device.id}`, "viewer"));
  assert.match(shown, /nginx 812.*Exposed.*It never left the old code\. \(4 tries\).*Restart the unit\..*none.*cache 900.*Protected.*cdcdcdcdcdcd verified 1 min ago 38 µs/);
  assert.match(shown, /What happens next 2026\.11 is tried again in 10 min/);
  assert.match(shown, /Probe failed nginx-aa 502/);
});

test("text of others is shown, never run", () => {
  const markup = show(`#/devices/${fixture.device.id}`, "viewer");
  assert.match(markup, /in &lt;b>parse\(\)&lt;\/b>/);
  const evil = { ...fixture.device, hostname: "<img src=x onerror=alert(1)>" };
  assert.doesNotMatch(show("#/devices", "viewer", { list: list(evil) }), /<img/);
});

test("a release shows what it weighs against the packages, and what it could not close", () => {
  const shown = text(show("#/releases/2026.11", "viewer"));
  assert.match(shown, /40\.0 KiB of hotpatches instead of 1\.3 MiB of packages: 2\.9 %/);
  assert.match(shown, /CVE-2026-1 critical.*CVE-2026-2 low/);
  assert.match(shown, /Could not be hotpatched.*proxy.*refused.*struct-changed.*CVE-2026-2/);
});

test("a broken audit chain is an alarm", () => {
  const markup = show("#/audit", "viewer", { check: { ok: false, entries: 3, head: "aa" } });
  assert.match(markup, /role="alert"><strong>The chain is broken/);
  assert.match(text(show("#/audit", "viewer")), /chain of 3 entries is whole.*reason: too fast/);
});

test("only an administrator sees the users, and a viewer no tokens", () => {
  assert.match(text(show("#/settings", "administrator")), /web servers.*Users.*admin administrator/);
  assert.doesNotMatch(text(show("#/settings", "operator")), /Users/);
  assert.doesNotMatch(text(show("#/settings", "viewer")), /Enrolment tokens/);
});

test("who is not signed in sees only the sign-in", () => {
  const markup = page("#/devices", {}, "viewer", { session: { state: "out" } });
  assert.match(markup, /type="password"/);
  assert.doesNotMatch(markup, /<nav/);
});
