// SPDX-License-Identifier: Apache-2.0
/** Answers of the API, as docs/openapi.json has them, for the tests of the views. */

const gate = (name, state, value, limit, sample, text) => ({ name, state, value, limit, sample, text });

const ring = (name, label, state, [devices, done, failed, waiting], gates) => ({
  name, label, state, devices, done, failed, waiting, gates,
  opened: state === "waiting" ? null : "2026-11-10T10:00:00Z",
});

export const rollout = {
  id: "2026.11", release: "2026.11", baseline: "2026.10", state: "running", expedited: false,
  created: "2026-11-10T10:00:00Z", decision: 7, published: 6,
  rings: [
    ring("test", "Test", "done", [6, 6, 0, 0], [gate("success-rate", "green", 1, 0.98, 6, "6 of 6 done")]),
    ring("fast", "Fast", "open", [10, 1, 1, 2], [
      gate("success-rate", "waiting", 0.5, 0.98, 2, "1 of 2 done"),
      gate("error-rate", "red", 0.5, 0.01, 2, "1 of 2 failed"),
    ]),
    ring("broad", "Broad", "waiting", [30, 0, 0, 0], [gate("approval", "waiting", null, null, 0, "a person must approve")]),
  ],
  timeline: [
    { time: "2026-11-10T10:00:00Z", actor: "hub", action: "created", reason: "published", ring: null },
    { time: "2026-11-10T11:00:00Z", actor: "hub", action: "ring-opened", reason: "all gates are green", ring: "fast" },
  ],
};

const statuses = (more) => ({
  protected: 0, "in-progress": 0, paused: 0, exposed: 0, "not-ready": 0, held: 0, offline: 0, ...more,
});

export const overview = {
  devices: {
    total: 46,
    by_status: statuses({ protected: 40, exposed: 4, offline: 2 }),
    by_ring: [{ ring: "test", label: "Test", total: 6, by_status: statuses({ protected: 6 }) }],
  },
  protected_share: 0.97,
  processes: { total: 100, protected: 97 },
  rollouts: [rollout],
  calendar: [{ date: "2026-11-10", kind: "hotpatch", name: "2026.11", planned: true }],
  attention: [{ kind: "approval", text: "Ring Broad waits for an approval.", link: "#/rollouts/2026.11" }],
  hub: { version: "0.1.0", time: "2026-11-10T12:00:00Z" },
};

export const device = {
  id: "019a0000-0000-7000-8000-000000000001", hostname: "web-1", ring: "test", group: null,
  status: "exposed", status_text: "nginx (812) runs a vulnerable build.", train: "hotpatch",
  baseline: "2026.10", release: null, protected: 0, exposed: 1, last_seen: "2026-11-10T11:59:00Z", agent: "0.1.0",
};

export const deviceDetail = {
  ...device,
  axes: {
    enrolment: { value: "enrolled", text: "Enrolled." }, readiness: { value: "ready", text: "Ready." },
    train: { value: "hotpatch", text: "Hotpatch." }, assignment: { value: "ring", text: "Ring Test." },
  },
  readiness: [{ code: "ptrace", detail: "the kernel refuses it" }], attributes: { role: "web" },
  next: { what: "2026.11 is tried again", when: "2026-11-10T12:10:00Z" },
  tuf: { root: 1, timestamp: 12, expires: "2026-11-17T00:00:00Z" }, hold: null, assigned_ring: null,
  wanted: "2026.11", wanted_text: "Ring Test has 2026.11.", os: "debian-12", kernel: "6.1.0",
  enrolled: "2026-10-01T00:00:00Z", boot_id: "b",
  processes: [{
    pid: 812, start: 1, name: "nginx", path: "/usr/sbin/nginx", unit: "nginx.service", container: null,
    build_id: "aa".repeat(20), hotpatch: null, release: null, state: "exposed", reason: "busy",
    reason_text: "It never left the old code.", remedy: "Restart the unit.", detail: "in <b>parse()</b>",
    proof: null, verified: null, pause_us: null, tries: 4,
  }, {
    pid: 900, start: 1, name: "cache", path: "/usr/bin/cache", unit: null, container: null,
    build_id: "bb".repeat(20), hotpatch: "cache-bb", release: "2026.11", state: "protected", reason: "protected",
    reason_text: "Proved to run the fixed code.", remedy: "", detail: "",
    proof: "cd".repeat(32), verified: "2026-11-10T11:59:00Z", pause_us: 38.2, tries: 1,
  }],
};

const advisories = [
  { id: "CVE-2026-2", severity: "low", published: "2026-11-01", summary: "small" },
  { id: "CVE-2026-1", severity: "critical", published: "2026-11-03", summary: "large" },
];

export const releaseRow = {
  name: "2026.11", baseline: "2026.10", kind: "hotpatch", date: "2026-11-10", out_of_band: false,
  rollout: { id: "2026.11", state: "running" }, revoked: null, advisories,
  hotpatches: 1, not_hotpatchable: 1, size: 41000, full_size: 1400000,
};

export const release = {
  name: "2026.11", baseline: "2026.10", kind: "hotpatch", date: "2026-11-10", out_of_band: false,
  rollout: { id: "2026.11", state: "running" }, revoked: null,
  sizes: { size: 41000, full_size: 1400000 },
  document: {
    type: "release", name: "2026.11", baseline: "2026.10", kind: "hotpatch", date: "2026-11-10", out_of_band: false, advisories,
    hotpatches: [{
      name: "nginx-aa", target: "hotpatches/2026.11/nginx-aa.hotpatch", sha256: "ee".repeat(32), size: 41000,
      full_size: 1400000, old_build_id: "aa".repeat(20), new_build_id: "ab".repeat(20), package: "nginx",
      old_version: "1.22.1-9", new_version: "1.22.1-9+deb12u1", path: "/usr/sbin/nginx", advisories: ["CVE-2026-1"],
      accepted: [{ code: "data-changed", function: "load", why: "only read at start" }],
    }],
    not_hotpatchable: [{
      package: "proxy", path: "/usr/sbin/proxy", verdict: "refused", advisories: ["CVE-2026-2"],
      reasons: [{ code: "struct-changed", function: "demux", detail: "grew by 8 bytes" }],
    }],
  },
};

export const policy = {
  on_red: "roll-back", auto_start: true,
  rings: [{
    name: "test", label: "Test", percent: 5, match: { attribute: "role", value: "canary" }, deferral_s: 0, soak_s: 60,
    min_sample: 1, success_rate: 0.98, error_rate: 0.01, approval: false,
  }],
};

export const list = (...items) => ({ items, next: null, total: items.length });
