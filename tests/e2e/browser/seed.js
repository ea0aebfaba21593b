// SPDX-License-Identifier: Apache-2.0
/**
 * The world of the scenarios: a signed repository with a baseline and a release on it, made
 * by `suture repo` from packages that are built here; a hub that publishes into it; and a
 * fleet that enrolled and reported as devices do.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ask, Device, Person, run, startHub, stopHub, until } from "./hub.js";

const rings = [["test", "Test", 4], ["fast", "Fast", 14], ["broad", "Broad", 40]];

// The gates of Test never all turn green by themselves, so that nothing moves but what the
// scenarios move.
const policy = {
  on_red: "pause",
  rings: rings.map(([name, label]) => ({
    name, label, percent: name === "broad" ? null : 10, match: null, deferral_s: 0, soak_s: 864000, min_sample: 1,
    success_rate: 0.1, error_rate: 0.9, approval: false,
  })),
};

const program = (limit) => `#include <stdio.h>
#include <string.h>
static char line[256];
__attribute__((noinline)) int fits(const char *text, size_t size)
{
	return strlen(text) ${limit} size;
}
int main(void)
{
	while (fgets(line, sizeof(line), stdin))
		puts(fits(line, 32) ? "fits" : "too long");
	return 0;
}
`;

/** A Debian package with one program. @returns its path */
async function makePackage(dir, version, limit) {
  const tree = join(dir, `cache-${version}`);
  mkdirSync(join(tree, "usr/bin"), { recursive: true });
  mkdirSync(join(tree, "DEBIAN"));
  writeFileSync(join(dir, "cache.c"), program(limit));
  await run("gcc", ["-O2", "-g", "-Wl,--build-id", "-o", join(tree, "usr/bin/cache"), join(dir, "cache.c")]);
  writeFileSync(join(tree, "DEBIAN/control"), `Package: cache\nVersion: ${version}\nArchitecture: amd64\n` +
    "Maintainer: Tests <tests@example.org>\nDescription: a program with a hole\n");
  const file = join(dir, `cache_${version}_amd64.deb`);
  await run("dpkg-deb", ["--root-owner-group", "-b", tree, file]);
  return file;
}

/** A repository with baseline 2026.10 and release 2026.11. @returns {Promise<object>} its paths */
async function makeRepository(dir, suture) {
  const paths = { repository: join(dir, "repository"), keys: join(dir, "keys"), passphrase: join(dir, "passphrase") };
  writeFileSync(paths.passphrase, "only for this test\n", { mode: 0o600 });
  const old = await makePackage(dir, "1.0-1", "<=");
  const fixed = await makePackage(dir, "1.0-1+deb12u1", "<");
  const env = { ...process.env, SUTURE_PASSPHRASE_FILE: paths.passphrase };
  const repo = (command, ...args) => run(suture, ["repo", command, paths.repository, ...args], { env });
  await repo("init", "--keys", paths.keys, "--product", "debian-12");
  await repo("baseline", "2026.10", old, "--date", "2026-10-13");
  await repo("advisory", "CVE-2026-1441", "--severity", "critical", "--published", "2026-11-03",
    "--package", "cache", "--summary", "A line of exactly the limit is let through.");
  await repo("add", "2026.11", "--baseline", "2026.10", "--advisory", "CVE-2026-1441", "--date", "2026-11-10", old, fixed);
  await repo("publish", "--keys", paths.keys);
  return { ...paths, old, fixed, repo };
}

/** Another release on the same baseline: the hotpatches of the one before it. */
async function publishRelease({ repo, keys, old, fixed }, name) {
  await repo("add", name, "--baseline", "2026.10", "--advisory", "CVE-2026-1441", "--date", "2026-11-10", old, fixed);
  await repo("publish", "--keys", keys);
}

/** The release's document, as devices find it. */
function readRelease({ repository }) {
  const folder = join(repository, "targets/hotpatches");
  const name = readdirSync(folder).find((file) => file.endsWith(".2026.11.json"));
  return JSON.parse(readFileSync(join(folder, name), "utf8"));
}

const now = () => `${new Date().toISOString().slice(0, 19)}Z`;

/** A process of the build that the hotpatch is for. */
function processOf(hotpatch, pid, isProtected, more = {}) {
  const state = isProtected
    ? { state: "protected", reason: "protected", hotpatch: hotpatch.name, release: "2026.11", proof: "5e".repeat(32), verified: now(), pause_us: 41.5, tries: 1 }
    : { state: "exposed", reason: "ring-waiting", hotpatch: null, release: null, proof: null, verified: null, pause_us: null, tries: 0 };
  return {
    pid, start: 1000 + pid, name: "cache", path: "/usr/bin/cache", unit: "cache.service", container: null,
    build_id: hotpatch.old_build_id, detail: "", ...state, ...more,
  };
}

/** What the device number @p i of a ring reports. */
function reportOf(hotpatch, ring, i) {
  const has = ring === "test";
  const processes = [processOf(hotpatch, 800, has), processOf(hotpatch, 801, has)];
  const report = {
    ring, release: has ? "2026.11" : null, processes,
    coverage: { protected: has ? 2 : 0, exposed: has ? 0 : 2, in_progress: 0 },
  };
  if (ring === "broad" && i < 2)
    return { ...report, train: "blocked", readiness: [{ code: "ptrace", detail: "the kernel lets nobody look into other processes" }] };
  if (ring === "test" && i === 3) return oddReport(hotpatch, report);
  return report;
}

/** A device with something of everything, and a process that would like to be a script. */
function oddReport(hotpatch, report) {
  const busy = processOf(hotpatch, 802, false,
    { name: "<img src=x onerror=alert(1)>", reason: "busy", tries: 4, detail: "a thread is inside fits()" });
  const event = (seq, type, detail) => ({ seq, time: now(), type, hotpatch: hotpatch.name, detail });
  return {
    ...report, processes: [...report.processes, busy], coverage: { protected: 2, exposed: 1, in_progress: 0 },
    next: { what: "2026.11 is tried again", when: `${new Date(Date.now() + 6e5).toISOString().slice(0, 19)}Z` },
    events: [event(1, "applied", "to pid 800 in 41 µs"), event(2, "refreshed", "timestamp 1")],
  };
}

/** Enrol devices, a few at a time, and let each report. */
async function makeFleet(world, hotpatch) {
  const devices = [];
  for (const [ring, , n] of rings) {
    const { token } = await world.admin.api("POST", "/enrolment-tokens", { uses: n + 2, expires_s: 3600, ring, label: `ring ${ring}` });
    world.tokens[ring] = token;
    for (let i = 0; i < n; i += 4) {
      const names = Array.from({ length: Math.min(4, n - i) }, (_, k) => i + k);
      devices.push(...await Promise.all(names.map((k) => world.newDevice(`${ring}-${String(k).padStart(2, "0")}`, ring, reportOf(hotpatch, ring, k)))));
    }
  }
  return devices;
}

/** @returns the world; `world.end()` ends all that it started. */
export async function makeWorld({ dir, suture, suturehub, web }) {
  const paths = await makeRepository(dir, suture);
  const [hotpatch] = readRelease(paths).hotpatches;
  const data = join(dir, "data");
  const args = (listen) => ["--data", data, "--listen", listen, "--name", "127.0.0.1", "--web", web,
    "--repository", paths.repository, "--keys", paths.keys, "--passphrase-file", paths.passphrase];
  const world = { tokens: {}, policy, hub: await startHub({ program: suturehub, args: args("127.0.0.1:0") }) };
  world.end = () => stopHub(world.hub);
  world.publish = (name) => publishRelease(paths, name);
  try {
    await fill(world, { dir, data, hotpatch, suturehub, args });
  } catch (error) {
    await world.end();
    throw new Error(`${error.stack}\nthe hub said: ${world.hub.said.replace(/^suture-hub: http: .*\n/gm, "").slice(-3000)}`);
  }
  return world;
}

async function fill(world, { dir, data, hotpatch, suturehub, args }) {
  const port = await until("the hub listens", () => {
    if (world.hub.ended !== null) throw new Error(`the hub ended: ${world.hub.ended}`);
    return /^Listening on https:.*:(\d+)\n/m.exec(world.hub.said)?.[1];
  });
  world.base = `https://127.0.0.1:${port}`;
  world.ca = readFileSync(join(data, "ca.crt"));
  const password = await until("the password is told", () => /^Password: (\S+)\n/m.exec(world.hub.said)?.[1]);
  world.admin = await new Person(world.base, world.ca).signIn("admin", password);
  Object.assign(world.admin, { name: "admin", password });
  await world.admin.api("PUT", "/policy", policy);

  world.newDevice = async (hostname, ring, report = {}) => {
    const device = await new Device(world.base, world.ca, dir, hostname).enrol(world.tokens[ring]);
    await device.report(report);
    return device;
  };
  world.restartHub = async (whileGone) => {
    await stopHub(world.hub);
    await whileGone();
    await until("the hub is back", async () => {
      // Its port may have been given to somebody else's connection for a moment.
      if (world.hub.ended !== null) world.hub = await startHub({ program: suturehub, args: args(`127.0.0.1:${port}`) });
      return (await ask(world.base, "GET", "/healthz", { ca: world.ca }).catch(() => null))?.status === 200;
    });
  };
  world.devices = await makeFleet(world, hotpatch);
  await beginRollout(world, hotpatch);

  // A hub calls a device that is silent for minutes off line. On a slow machine the
  // scenarios take longer than that, so the fleet reports again between them.
  let reported = Date.now();
  world.keepAlive = async () => {
    if (Date.now() - reported < 60000) return;
    for (let i = 0; i < world.devices.length; i += 4)
      await Promise.all(world.devices.slice(i, i + 4).map((device) => device.reportAgain()));
    reported = Date.now();
  };
}

/** The rollout of 2026.11 runs, its first ring is open and has the release. */
async function beginRollout({ admin, devices }, hotpatch) {
  const find = async () => (await admin.get("/rollouts")).items.find((rollout) => rollout.id === "2026.11");
  // The hub makes it and, as the policy says, starts it: one after the other.
  await until("the first ring is open", async () => (await find())?.rings[0].state === "open");
  // What a device told before that does not count for the gates.
  for (const [i, device] of devices.filter((d) => d.hostname.startsWith("test-")).entries())
    await device.report({ ...reportOf(hotpatch, "test", i), events: [] });
  await until("the first ring has the release", async () => (await find()).rings[0].done >= 3)
    .catch(async (error) => {
      throw new Error(`${error.message}: ${JSON.stringify(await find())}`);
    });
}
