// SPDX-License-Identifier: Apache-2.0
/** A real hub in a folder of its own, and clients that speak to it as people and devices do. */

import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";

export const run = promisify(execFile);

/** How long anything may take, in milliseconds. A sign-in takes over a minute on a machine
 *  whose cores each have forty things to do. */
export const limit = 180000;

/** Wait until @p look gives something true. */
export async function until(what, look) {
  const end = Date.now() + limit;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Start the hub. What it says and how it ended is in what is returned. */
export async function startHub({ program, args }) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const hub = { child, said: "", ended: null };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (hub.said += text));
  child.on("exit", (code, signal) => (hub.ended = `${code ?? signal}`));
  process.once("exit", () => child.kill("SIGKILL")); // none stays behind a run that broke
  return hub;
}

/** End a hub that startHub() started. */
export async function stopHub(hub) {
  if (hub.ended === null) {
    hub.child.kill("SIGTERM");
    const ended = () => until("the hub ends", () => hub.ended !== null);
    await ended().catch(() => hub.child.kill("SIGKILL") && ended());
  }
}

/**
 * One HTTPS request. The hub closes a handshake that takes over ten seconds, which on a
 * loaded machine one does: then it is tried again, as agents do. What is `repeatable` means
 * the same when it comes twice, so it is tried again also where the client's side of the
 * handshake was done and the request may have been sent.
 *
 * @returns {Promise<{status: number, headers: object, body: any}>}
 */
export async function ask(base, method, path, options = {}, tries = 10) {
  const { repeatable = method === "GET" || method === "PUT" } = options;
  try {
    return await askOnce(base, method, path, options);
  } catch (error) {
    if (tries <= 1 || error.code !== "ECONNRESET" || (error.wasSecure && !repeatable)) throw error;
    return ask(base, method, path, options, tries - 1);
  }
}

function askOnce(base, method, path, { ca, cert, key, headers = {}, body }) {
  const url = new URL(path, base);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const all = { ...headers, ...(text ? { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) } : {}) };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, ca, cert, key, headers: all, agent: false, timeout: limit }, (reply) => {
      let got = "";
      reply.setEncoding("utf8");
      reply.on("data", (part) => (got += part));
      reply.on("end", () => resolve({ status: reply.statusCode, headers: reply.headers, body: parse(got) }));
      reply.on("error", reject);
    });
    sent.on("timeout", () => sent.destroy(new Error(`${method} ${path}: no answer in ${limit / 1000} s`)));
    let wasSecure = false;
    sent.on("socket", (socket) => socket.on("secureConnect", () => (wasSecure = true)));
    sent.on("error", (error) => reject(Object.assign(error, { wasSecure })));
    sent.end(text);
  });
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A person's session: what the page does, without the page. */
export class Person {
  constructor(base, ca) {
    Object.assign(this, { base, ca, cookie: "", csrf: "" });
  }

  async signIn(name, password) {
    const reply = await ask(this.base, "POST", "/api/v1/session", { ca: this.ca, body: { name, password } });
    if (reply.status !== 200) throw new Error(`sign in: ${reply.status} ${JSON.stringify(reply.body)}`);
    this.cookie = reply.headers["set-cookie"][0].split(";")[0];
    this.csrf = reply.body.csrf;
    return this;
  }

  /** The answer's body. Anything but 2xx is an error. */
  async api(method, path, body) {
    const headers = { Cookie: this.cookie, "X-CSRF-Token": this.csrf };
    const reply = await ask(this.base, method, `/api/v1${path}`, { ca: this.ca, headers, body });
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  get(path) {
    return this.api("GET", path);
  }
}

/** A device that enrols with a token and reports over mTLS. */
export class Device {
  constructor(base, ca, dir, hostname) {
    Object.assign(this, { base, ca, hostname, seq: 0, keyFile: join(dir, `${hostname}.key`) });
  }

  async enrol(token, attributes = {}) {
    const { stdout: csr } = await run("openssl", ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
      "-nodes", "-keyout", this.keyFile, "-subj", `/CN=${this.hostname}`]);
    const body = { token, csr, hostname: this.hostname, attributes };
    const reply = await ask(this.base, "POST", "/api/v1/enroll", { ca: this.ca, body });
    if (reply.status !== 201) throw new Error(`enrol: ${reply.status} ${JSON.stringify(reply.body)}`);
    this.id = reply.body.device;
    this.cert = reply.body.certificate;
    this.key = readFileSync(this.keyFile);
    return this;
  }

  /** Send a report: what is given, over what every report has. */
  async report(more) {
    this.told = more;
    const body = { ...plainReport(this), seq: ++this.seq, ...more };
    const { ca, cert, key } = this;
    const reply = await ask(this.base, "POST", "/api/v1/device/report", { ca, cert, key, body, repeatable: true });
    if (reply.status !== 200) throw new Error(`report: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }

  /** Send the last report again: nothing has changed, and nothing has happened. */
  reportAgain() {
    return this.report({ ...this.told, events: [] });
  }
}

const plainReport = (device) => ({
  device: device.id, sent: `${new Date().toISOString().slice(0, 19)}Z`, hostname: device.hostname,
  boot_id: "7b0b3a0e-52c5-4a5e-8f37-2f1d7f4c9a10", agent: "0.1.0", kernel: "6.1.0-28-amd64", os: "debian-12",
  attributes: {}, baseline: "2026.10", release: null, train: "hotpatch", readiness: [], ring: null,
  tuf: { root: 1, timestamp: 1, expires: null }, next: null,
  coverage: { protected: 0, exposed: 0, in_progress: 0 }, processes: [], events: [],
});
