// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const folder = new URL("../../../web/vendor/", import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), "utf8");

const rows = read("VENDOR.md").split("\n")
  .filter((line) => /^\| \S+\.js /.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));

test("the code of others is what VENDOR.md says", () => {
  const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
  assert.deepEqual(rows.map((row) => row[1]).sort(), files.sort());
  for (const [, file, , version, , licence, , here] of rows) {
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.equal(createHash("sha256").update(read(file)).digest("hex"), here, file);
    assert.ok(read(licence.match(/\((LICENSE\.\w+)\)/)[1]).length > 500, file);
  }
});

test("the pages load nothing from elsewhere and run no text as code", () => {
  const web = new URL("../../../web/", import.meta.url);
  const files = ["main.js", "store.js", "index.html", ...["lib", "model", "views", "views/parts", "style", "vendor"].flatMap((name) =>
    readdirSync(new URL(`${name}/`, web)).filter((file) => /\.(js|css)$/.test(file)).map((file) => `${name}/${file}`))];
  assert.ok(files.length > 40);
  for (const file of files) {
    const code = readFileSync(new URL(file, web), "utf8");
    assert.doesNotMatch(code, /(import|from|src=|href=|url\(|fetch\()\s*["'(`]*(https?:)?\/\//, file);
    assert.doesNotMatch(code, /\beval\(|new Function\b/, file);
    if (!file.startsWith("vendor/")) assert.doesNotMatch(code, /innerHTML/i, file);
  }
});
