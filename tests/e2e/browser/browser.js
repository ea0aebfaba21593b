// SPDX-License-Identifier: Apache-2.0
/** Chromium, and a watch over what its pages must never do. */

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

import { parseRoute } from "../../../web/lib/route.js";
import { pageOf } from "../../../web/model/pages.js";
import { limit } from "./hub.js";

const programs = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function openBrowser() {
  const executablePath = programs.find((path) => path && existsSync(path));
  if (!executablePath) throw new Error("no Chromium here: tools/setup long installs it");
  // Tests run as root too, and in containers with a small /dev/shm.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  return chromium.launch({ executablePath, args, timeout: limit });
}

/**
 * A visitor: one browser profile with one page.
 *
 * `visitor.wrong` collects what no scenario may cause: a message of the console that is an
 * error or a warning, an exception, a violation of the policy, a request that goes elsewhere.
 */
export async function visit(browser, base, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 860 }, ...options });
  context.setDefaultTimeout(limit);
  const wrong = [];
  // The hub closes a handshake that takes over ten seconds, as on a loaded machine, and the
  // browser gives up its requests when the machine gets another network: the page then tries
  // again, and that is no fault of it.
  const expected = new Set(["ERR_CONNECTION_CLOSED", "ERR_CONNECTION_RESET", "ERR_TIMED_OUT", "ERR_EMPTY_RESPONSE", "ERR_NETWORK_CHANGED"]);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
    // What was done is told for seconds only, which a loaded machine may not look at.
    window.told = [];
    new MutationObserver(() => {
      const text = document.querySelector(".notice")?.textContent;
      if (text && text !== window.told.at(-1)) window.told.push(text);
    }).observe(document, { subtree: true, childList: true, characterData: true });
  });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    // The browser writes each request that fails to the console; scenarios say which do.
    const failure = /Failed to load resource:.*?(?:status of (\d+)|net::(\w+))/.exec(message.text());
    if (!(failure && expected.has(failure[1] ?? failure[2]))) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${base}/`)) wrong.push(`request to ${request.url()}`);
  });
  const visitor = new Visitor(base, context, page, wrong, expected);
  page.on("request", (request) => visitor.underWay.add(request));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => visitor.underWay.delete(request));
  return visitor;
}

class Visitor {
  constructor(base, context, page, wrong, expected) {
    Object.assign(this, { base, context, page, wrong, expected, underWay: new Set() });
  }

  /** What the page shows and waits for, for the report of a failure. */
  async state() {
    const text = await Promise.race([
      this.page.evaluate(() => document.body.innerText).catch((error) => `(${error.message})`),
      new Promise((done) => setTimeout(done, 5000, "(the page does not answer)")),
    ]);
    const waits = [...this.underWay].map((request) => `${request.method()} ${request.url()}`);
    return `at ${this.page.url()}\nwaits for: ${waits.join(", ") || "nothing"}\nshows: ${text.replace(/\s+/g, " ").slice(0, 1500)}`;
  }

  /** Say that such failures (a status, or Chromium's name of an error) are part of it. */
  expect(...failures) {
    for (const failure of failures) this.expected.add(String(failure));
  }

  open(address) {
    return this.#load(address, () => this.page.goto(`${this.base}/${address}`));
  }

  reload() {
    return this.#load("the page", () => this.page.reload());
  }

  /** A file that a slow handshake kept away leaves the page empty or bare; people load it again. */
  async #load(what, load) {
    const missing = [];
    const note = (request) => ["document", "script", "stylesheet"].includes(request.resourceType()) && missing.push(request.url());
    this.page.on("requestfailed", note);
    try {
      for (let tries = 5; tries > 0; tries--, missing.length = 0) {
        const loaded = await load().then(() => true, () => false);
        if (loaded && !missing.length && (await this.page.locator("#app > *").first().waitFor().then(() => true, () => false))) return;
      }
      throw new Error(`${what} cannot be loaded`);
    } finally {
      this.page.off("requestfailed", note);
    }
  }

  /** Open the page of that address, and sign in on the way. */
  async signIn(name, password, address = "#/overview") {
    this.expect(401); // "who is signed in?" before anybody is
    await this.open(address);
    await this.page.getByLabel("Name").fill(name);
    await this.submitPassword(password);
    await this.loaded();
  }

  /** As a person does: once more when the hub gave no answer at all. */
  async submitPassword(password) {
    const inside = this.page.locator("nav[aria-label=Pages]");
    const unanswered = this.page.locator("[role=alert]").filter({ hasText: "The hub does not answer" });
    for (let tries = 5; tries > 0; tries--) {
      await this.page.getByLabel("Password").fill(password);
      await this.page.getByRole("button", { name: "Sign in" }).click();
      await inside.or(unanswered).first().waitFor();
      if (await inside.count()) return;
    }
    throw new Error("nobody can sign in: the hub does not answer");
  }

  /** Wait until the page of the address is there and shows what it fetched. */
  async loaded() {
    const route = parseRoute(new URL(this.page.url()).hash);
    const name = `${pageOf(route).name}/${route.id ?? ""}`;
    await this.page.locator("nav[aria-label=Pages]").waitFor();
    await this.page.waitForFunction((name) => document.querySelector("main").dataset.page === name &&
      document.querySelector("main h1, main .problem") && !document.querySelector(".loading"), name);
  }

  /** Wait until the page and something that changes beside it agree. @p look tells what is wrong. */
  async agrees(look) {
    const end = Date.now() + limit;
    for (;;) {
      const wrong = await look();
      if (!wrong) return;
      if (Date.now() > end) throw new Error(`never agreed: ${wrong}`);
      await this.page.waitForTimeout(100);
    }
  }

  /** Wait until the stream of events is open. */
  async live() {
    await this.page.locator(".live[data-live=yes]").waitFor();
  }

  /** Wait until the page has told, since it was loaded, that something was done. */
  async wasTold(text) {
    await this.page.waitForFunction((text) => window.told.some((told) => told.includes(text)), text);
  }

  /** Wait until an element can be seen and its text matches; the last text says what is wrong. */
  async sees(selector, pattern) {
    const element = typeof selector === "string" ? this.page.locator(selector).first() : selector;
    await element.waitFor({ state: "visible" });
    const end = Date.now() + limit;
    let text = "";
    for (;;) {
      text = (await element.innerText({ timeout: limit })).replace(/\s+/g, " ");
      if (pattern.test(text)) return text;
      if (Date.now() > end) throw new Error(`${selector} never was ${pattern}; it is: ${text}`);
      await this.page.waitForTimeout(50);
    }
  }

  close() {
    return this.context.close();
  }
}
