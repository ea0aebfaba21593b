// SPDX-License-Identifier: Apache-2.0
/** What the page fetches, and when, in a browser whose answers and clock are played by hand. */

import assert from "node:assert/strict";
import test from "node:test";

const { setImmediate: soon } = globalThis; // the clock that is played may stop it too
let copies = 0;

/** Let all that waits for answers go on. */
const settle = () => new Promise((done) => soon(done));

/**
 * A store of its own. `asked` has the requests that wait for their answer: what came before
 * them is over. `streams` are the streams that were opened, the last one last.
 */
async function openPage(t) {
  const asked = [];
  const streams = [];
  class Source {
    static CLOSED = 2;
    constructor() {
      streams.push(this);
    }
    addEventListener() {}
    close() {
      this.readyState = Source.CLOSED;
    }
  }
  const fetch = (url, { signal }) => new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    asked.push({ path: url.replace("api/v1", ""), resolve, reject });
  });
  const document = { hidden: false, addEventListener() {} };
  const more = { EventSource: Source, fetch, document, location: { hash: "#/overview" }, addEventListener() {} };
  const before = Object.fromEntries(Object.keys(more).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  for (const [name, value] of Object.entries(more)) Object.defineProperty(globalThis, name, { value, configurable: true });
  t.mock.timers.enable(["setTimeout", "setInterval"]);
  t.after(() => {
    t.mock.timers.reset();
    for (const name of Object.keys(more)) {
      if (before[name]) Object.defineProperty(globalThis, name, before[name]);
      else delete globalThis[name];
    }
  });
  const store = await import(`../../../web/store.js?${++copies}`);
  store.start();
  return {
    store, asked, streams,
    tick: async (ms) => {
      t.mock.timers.tick(ms);
      await settle();
    },
    /** Answer the request that waits longest, which is for @p path. */
    answer: async (path, value, status = 200) => {
      const request = asked.shift();
      assert.equal(request?.path, path);
      if (value instanceof Error) request.reject(value);
      else request.resolve({ ok: status < 300, status, text: async () => JSON.stringify(value) });
      await settle();
    },
  };
}

const user = { user: { name: "anna", role: "operator" }, csrf: "c" };
const away = new TypeError("Failed to fetch");

test("what happens before the stream of events is open is not missed", async (t) => {
  const page = await openPage(t);
  await page.answer("/session", user);
  await page.answer("/overview", { n: 1 });
  assert.deepEqual(page.store.parts.value.overview.data, { n: 1 });
  await page.tick(60000);
  assert.equal(page.asked.length, 0);
  // What comes now is told by the stream; what was between the two is fetched.
  page.streams.at(-1).onopen();
  await page.tick(1000);
  await page.answer("/overview", { n: 2 });
  assert.deepEqual(page.store.parts.value.overview.data, { n: 2 });
});

test("an answer that breaks off is no answer, and is asked for again", async (t) => {
  const page = await openPage(t);
  await page.answer("/session", user);
  page.asked.shift().resolve({ ok: true, status: 200, text: async () => Promise.reject(new TypeError("network error")) });
  await settle();
  const { state, error } = page.store.parts.value.overview;
  assert.deepEqual([state, error.status, error.message], ["error", 0, "The hub does not answer. Devices go on without it."]);
  await page.tick(5000);
  await page.tick(1000);
  await page.answer("/overview", { n: 1 });
  assert.equal(page.store.parts.value.overview.state, "ready");
});

test("a hub that is away when the page is opened is asked again until it answers", async (t) => {
  const page = await openPage(t);
  for (let i = 0; i < 3; i++) {
    await page.answer("/session", away);
    assert.equal(page.store.session.value.state, "broken");
    await page.tick(5000);
  }
  await page.answer("/session", user);
  assert.equal(page.store.session.value.state, "in");
  await page.answer("/overview", { n: 1 });
  await page.tick(60000);
  assert.equal(page.asked.length, 0);
});

test("a hub that says who may not sign in is not asked again", async (t) => {
  const page = await openPage(t);
  await page.answer("/session", {}, 401);
  await page.tick(60000);
  assert.deepEqual([page.store.session.value.state, page.asked.length], ["out", 0]);
});

test("who signed out asks for nothing more, also when something was about to be fetched", async (t) => {
  const page = await openPage(t);
  await page.answer("/session", user);
  await page.answer("/overview", { n: 1 });
  page.streams.at(-1).onopen(); // a fetch is due in a moment
  page.store.signOut();
  await page.answer("/session", null, 200);
  await page.tick(60000);
  assert.deepEqual([page.store.session.value.state, page.asked.length], ["out", 0]);
});

test("a stream that is refused because the session ended leads to the sign-in", async (t) => {
  const page = await openPage(t);
  await page.answer("/session", user);
  await page.answer("/overview", { n: 1 });
  page.streams.at(-1).onopen();
  await page.tick(1000);
  await page.answer("/overview", { n: 1 });
  page.streams.at(-1).readyState = 2;
  page.streams.at(-1).onerror();
  await page.tick(1000);
  await page.answer("/overview", {}, 401);
  assert.equal(page.store.session.value.state, "out");
});
