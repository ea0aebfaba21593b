// SPDX-License-Identifier: Apache-2.0
/**
 * What the pages show, as signals, and the only code that talks to the API.
 *
 *     address ──► parts to fetch ──► parts ──► view
 *     event of the hub ──► the same parts again, at most once a second
 *
 * The browser holds what is on the page, never the fleet.
 */

import { batch, signal } from "./vendor/signals.js";
import { ApiError, call } from "./lib/api.js";
import { openEvents } from "./lib/events.js";
import { parseRoute } from "./lib/route.js";
import { concerns, pageOf } from "./model/pages.js";

const loading = { state: "loading", data: null, error: null };

/** @type {{value: {state: "checking" | "out" | "in" | "broken", user: any, csrf: string, error?: Error}}} */
export const session = signal({ state: "checking", user: null, csrf: "" });
export const route = signal(parseRoute(""));
/** The parts of the page by name: {state: "loading" | "ready" | "error", data, error}. */
export const parts = signal({});
/** Whether the stream of events is open. */
export const live = signal(false);
/** The clock of the page, ms; moves every ten seconds. */
export const now = signal(Date.now());
/** The last thing that was done, for the line that says so. */
export const notice = signal("");

let running = null;   // the AbortController of the fetches under way
let again = null;     // the timer of the next fetch that an event asked for
let lastStart = 0;    // when the last fetch began, ms
let nextLook = null;  // the timer that asks again who is signed in
let closeEvents = null;

/** How long after a request that got no answer the next one is made. */
const retryMs = 5000;

/** Start: who is signed in, and where the address leads. */
export async function start() {
  setInterval(() => (now.value = Date.now()), 10000);
  addEventListener("hashchange", () => goTo(location.hash));
  document.addEventListener("visibilitychange", () => document.hidden || refetch());
  route.value = parseRoute(location.hash);
  await checkSession();
}

export function checkSession() {
  session.value = { state: "checking", user: null, csrf: "" };
  return lookAtSession();
}

async function lookAtSession() {
  clearTimeout(nextLook);
  try {
    signedIn(await call("/session"));
  } catch (error) {
    if (error.status === 401) session.value = { state: "out", user: null, csrf: "" };
    else session.value = { state: "broken", user: null, csrf: "", error };
    // A hub that is starting answers soon, and then the page comes by itself.
    if (error.status === 0) nextLook = setTimeout(lookAtSession, retryMs);
  }
}

function goTo(hash) {
  const before = pageOf(route.value).name + route.value.id;
  route.value = parseRoute(hash);
  if (session.value.state !== "in") return;
  // Another filter of the same list keeps the old rows until the new ones are there.
  if (before !== pageOf(route.value).name + route.value.id) parts.value = {};
  load();
}

/** Fetch the parts of the page. What is shown stays until its successor is there. */
export async function load() {
  running?.abort();
  clearTimeout(again);
  again = null;
  lastStart = Date.now();
  const abort = (running = new AbortController());
  const paths = pageOf(route.value).parts(route.value, session.value.user);

  parts.value = Object.fromEntries(
    Object.keys(paths).map((name) => [name, parts.value[name] ?? loading]));
  await Promise.all(
    Object.entries(paths).map(([name, path]) => loadPart(name, path, abort.signal)));
  if (running === abort) running = null;
}

async function loadPart(name, path, abort) {
  let part;
  try {
    part = { state: "ready", data: await call(path, { signal: abort }), error: null };
  } catch (error) {
    if (abort.aborted) return;
    if (error.status === 401) return signedOut();
    // Who did not answer is asked again, also where no event will say so.
    if (error.status === 0) setTimeout(refetch, retryMs);
    const old = parts.value[name];
    part = error.status !== 404 && old?.data
      ? { ...old, error } : { state: "error", data: null, error };
  }
  if (!abort.aborted)
    batch(() => {
      parts.value = { ...parts.value, [name]: part };
      now.value = Date.now();
    });
}

/** Fetch again soon: many events in a row make one fetch a second. */
function refetch() {
  if (again || document.hidden || session.value.state !== "in") return;
  const wait = Math.max(200, 1000 - (Date.now() - lastStart));
  again = setTimeout(async () => {
    // One fetch at a time; a slow hub is not asked again before it has answered.
    if (running) {
      again = null;
      refetch();
    } else {
      await load();
    }
  }, wait);
}

function signedIn({ user, csrf }) {
  session.value = { state: "in", user, csrf };
  load();
  closeEvents?.();
  closeEvents = openEvents({
    onState: (is) => (live.value = is),
    onMissed: refetch,
    onEvent: (type, data) => concerns(route.value, type, data) && refetch(),
  });
}

function signedOut() {
  running?.abort();
  clearTimeout(again);
  again = null;
  closeEvents?.();
  closeEvents = null;
  batch(() => {
    session.value = { state: "out", user: null, csrf: "" };
    parts.value = {};
    live.value = false;
  });
}

/** @throws {ApiError} */
export async function signIn(name, password) {
  signedIn(await call("/session", { method: "POST", body: { name, password } }));
}

export async function signOut() {
  try {
    await call("/session", { method: "DELETE", csrf: session.value.csrf });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) return say(error.message);
  }
  signedOut();
}

/** Change something, say that it is done, and show the page as it is then.
 *  @throws {ApiError} */
export async function change(method, path, body, done) {
  let answer;
  try {
    answer = await call(path, { method, body, csrf: session.value.csrf });
  } catch (error) {
    if (error.status === 401) signedOut();
    throw error;
  }
  say(done);
  load();
  return answer;
}

let silence = null;

function say(text) {
  notice.value = text;
  clearTimeout(silence);
  silence = setTimeout(() => (notice.value = ""), 8000);
}
