// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";

import { newRing, percentOf, ringOf, spanOf, spanSeconds, whoText, withoutRing, withRing } from "../../../web/model/policy.js";
import * as fixture from "./fixtures.js";

const texts = {
  name: "fast", label: " Fast ", percent: "12.5", attribute: "", value: "", deferral: "0", deferral_unit: "hours",
  soak: "1.5", soak_unit: "days", min_sample: "3", success_rate: "98", error_rate: "0.5", approval: true,
};

test("a form's texts become a ring", () => {
  assert.deepEqual(ringOf(texts), {
    name: "fast", label: "Fast", percent: 12.5, match: null, deferral_s: 0, soak_s: 129600,
    min_sample: 3, success_rate: 0.98, error_rate: 0.005, approval: true,
  });
  const matched = ringOf({ ...texts, label: "", percent: "", attribute: "role", value: "canary" });
  assert.deepEqual([matched.label, matched.percent, matched.match], ["fast", null, { attribute: "role", value: "canary" }]);
  assert.throws(() => ringOf({ ...texts, attribute: "role" }), /needs its value/);
});

test("a span comes back from the form as it was", () => {
  for (const s of [0, 1, 90, 60, 3600, 5400, 86400, 864000, 90061]) {
    const { n, unit } = spanOf(s);
    assert.equal(spanSeconds(String(n), unit), s);
  }
  assert.deepEqual(spanOf(864000), { n: 10, unit: "days" });
});

test("a share comes back from the form as it was", () => {
  for (const share of [0, 0.02, 0.98, 0.999, 0.0001, 1, 0.29]) assert.equal(ringOf({ ...texts, error_rate: percentOf(share) }).error_rate, share);
});

test("a ring takes its place, once, and leaves it", () => {
  const ring = { ...newRing, name: "fast", label: "Fast" };
  const both = withRing(fixture.policy, ring, 0);
  const names = (policy) => policy.rings.map((r) => r.name);
  assert.deepEqual(names(both), ["fast", "test"]);
  assert.deepEqual(names(withRing(both, ring, 1)), ["test", "fast"]);
  assert.deepEqual(names(withoutRing(both, "test")), ["fast"]);
  assert.deepEqual(names(fixture.policy), ["test"]);
});

test("who comes into a ring is told in words", () => {
  assert.equal(whoText(fixture.policy.rings[0]), "role=canary, or 5 %");
  assert.equal(whoText(newRing), "");
});
