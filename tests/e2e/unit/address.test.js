// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { link, parseRoute } from "../../../web/lib/route.js";
import { concerns, pageOf, titleOf } from "../../../web/model/pages.js";
import { firstPage, nextPage, pageNumber, previousPage } from "../../../web/model/paging.js";

const openapi = JSON.parse(readFileSync(new URL("../../../docs/openapi.json", import.meta.url)));

test("an address names its page, and a page its address", () => {
  assert.deepEqual(parseRoute(""), { page: "overview", id: null, query: {} });
  assert.deepEqual(parseRoute("#/devices?status=held&q=a%26b"),
    { page: "devices", id: null, query: { status: "held", q: "a&b" } });
  assert.equal(link("devices", null, { q: "a&b", status: "", ring: null }), "#/devices?q=a%26b");
  for (const id of ["2026.11", "a/b", "50%", "ü?#"])
    assert.equal(parseRoute(link("rollouts", id)).id, id);
});

test("an address that names nothing is an unknown page, not a fault", () => {
  for (const hash of ["#/nowhere", "#/devices/a/b", "#/audit/1", "#/__proto__", "#//"])
    assert.equal(pageOf(parseRoute(hash)).name, "unknown", hash);
  assert.equal(parseRoute("#/devices/%E0%A4%A").id, "%E0%A4%A");
});

test("each page asks only for what the API has", () => {
  const ids = { rollouts: "2026.11", devices: "x", releases: "2026.11" };
  const query = { cursor: "c", q: "a", status: "held", ring: "test", group: "g", sort: "-last_seen", actor: "a", action: "b" };
  let asked = 0;
  for (const page of ["overview", "rollouts", "devices", "releases", "audit", "settings"])
    for (const id of [null, ids[page]].filter((i) => i !== undefined))
      for (const role of ["viewer", "operator", "administrator"]) {
        const route = { page, id, query };
        for (const path of Object.values(pageOf(route).parts(route, { role }))) {
          checkPath(path, id, role);
          asked++;
        }
      }
  assert.ok(asked > 30);
});

const ranks = { public: 0, viewer: 1, operator: 2, administrator: 3 };

function checkPath(path, id, role) {
  const [name, search = ""] = path.split("?");
  const template = `/api/v1${id ? name.replace(`/${id}`, "/{}") : name}`;
  const known = Object.keys(openapi.paths).find((p) => p.replace(/\{[^}]*\}/, "{}") === template);
  assert.ok(known, `${path} is not in the API`);
  const get = openapi.paths[known].get;
  assert.ok(ranks[get["x-access"]] <= ranks[role], `${path} is not for a ${role}`);
  const names = get.parameters?.map((p) => p.name ?? p.$ref.split("/").pop()) ?? [];
  for (const key of new URLSearchParams(search).keys())
    assert.ok(names.includes(key), `${known} takes no ${key}`);
}

test("the title says where one is", () => {
  assert.equal(titleOf(parseRoute("#/rollouts/2026.11")), "Rollout 2026.11 – Suture");
  assert.equal(titleOf(parseRoute("")), "Overview – Suture");
});

test("an event about another device leaves a device's page alone", () => {
  const device = parseRoute("#/devices/a");
  assert.equal(concerns(device, "device", { id: "a" }), true);
  assert.equal(concerns(device, "device", { id: "b" }), false);
  assert.equal(concerns(device, "audit", { id: "a" }), false);
  assert.equal(concerns(device, "rollout", { id: "2026.11" }), true);
  assert.equal(concerns(parseRoute("#/devices"), "device", { id: "b" }), true);
  // The pages of everything of a type have that type's name, and are about no single thing.
  assert.equal(concerns(parseRoute("#/audit"), "audit", { id: "audit" }), true);
  assert.equal(concerns(parseRoute("#/overview"), "overview", { id: "overview" }), true);
  assert.equal(concerns(parseRoute("#/nowhere"), "device", { id: "b" }), false);
});

test("one comes back through the pages of a list as one went", () => {
  const start = { status: "held" };
  const second = nextPage(start, "c1");
  const third = nextPage(second, "c2");
  const fourth = nextPage(third, "c3");
  assert.equal(pageNumber(fourth), 4);
  assert.equal(fourth.cursor, "c3");
  assert.equal(previousPage(fourth).cursor, "c2");
  assert.equal(previousPage(previousPage(fourth)).cursor, "c1");
  const first = previousPage(previousPage(previousPage(fourth)));
  assert.equal(parseRoute(link("devices", null, first)).query.cursor, undefined);
  assert.equal(first.status, "held");
  assert.equal(pageNumber(first), 1);
});

test("a way back that is too long ends at the first page", () => {
  let query = {};
  for (let i = 1; i <= 30; i++) query = parseRoute(link("devices", null, nextPage(query, `c${i}`))).query;
  assert.equal(pageNumber(query), 31);
  for (let i = 0; i < 25; i++) query = parseRoute(link("devices", null, previousPage(query))).query;
  assert.deepEqual(query, parseRoute(link("devices", null, firstPage({}))).query);
  assert.equal(pageNumber({ page: "-3" }), 1);
  assert.equal(pageNumber({ page: "x" }), 1);
});
