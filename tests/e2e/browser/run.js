// SPDX-License-Identifier: Apache-2.0
//
// usage: node run.js DIR [NAME...]
//
// Runs the scenarios, or those whose names contain a NAME, in a world made in DIR. For each
// it writes DIR/results/NUMBER.ok or NUMBER.failed, with what went wrong, and a picture of
// the page. SUTURE and SUTURE_HUB name the programs.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { openBrowser, visit } from "./browser.js";
import { scenarios } from "./scenarios.js";
import { makeWorld } from "./seed.js";

const top = fileURLToPath(new URL("../../../", import.meta.url));
const dir = resolve(process.argv[2]);
const wanted = process.argv.slice(3);
const results = join(dir, "results");
mkdirSync(results, { recursive: true });

const suture = process.env.SUTURE ?? join(top, "build/suture");
const suturehub = process.env.SUTURE_HUB ?? join(top, "build/suture-hub");

async function play(world, browser, number, name, scenario) {
  const visitor = await visit(browser, world.base);
  let wrong;
  try {
    await world.keepAlive();
    await scenario(world, visitor);
    wrong = visitor.wrong.length ? `the page did what it must not:\n${visitor.wrong.join("\n")}` : null;
  } catch (error) {
    wrong = `${error.stack}\n${visitor.wrong.join("\n")}\n${await visitor.state()}`;
  }
  if (wrong) await visitor.page.screenshot({ path: join(results, `${number}.png`), timeout: 10000 }).catch(() => {});
  writeFileSync(join(results, `${number}.${wrong ? "failed" : "ok"}`), `${name}\n${wrong ?? ""}`);
  console.log(`${wrong ? "not ok" : "ok"} ${number} ${name}${wrong ? `\n${wrong}` : ""}`);
  await visitor.close();
}

const world = await makeWorld({ dir, suture, suturehub, web: join(top, "web") });
let browser;
try {
  browser = await openBrowser();
  let number = 0;
  for (const [name, scenario] of Object.entries(scenarios)) {
    number++;
    if (wanted.length === 0 || wanted.some((text) => name.includes(text)))
      await play(world, browser, number, name, scenario);
  }
} finally {
  await browser?.close();
  writeFileSync(join(dir, "hub.log"), world.hub.said);
  await world.end();
}
