// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";

import { bytes, count, day, duration, percent, plural, relative, short, shortIds, time } from "../../../web/lib/format.js";

const noon = Date.parse("2026-11-10T12:00:00Z");

test("a share never rounds up to a hundred", () => {
  assert.equal(percent(1), "100 %");
  assert.equal(percent(0.99999), "99.9 %");
  assert.equal(percent(0.98), "98 %");
  assert.equal(percent(0.29), "29 %");
  assert.equal(percent(0), "0 %");
  assert.equal(percent(null), "–");
});

test("times are UTC whatever the browser's zone is", () => {
  assert.equal(time("2026-11-10T23:30:05Z"), "10 Nov 2026, 23:30:05 UTC");
  assert.equal(day("2026-11-10"), "10 Nov 2026");
  assert.equal(time(null), "–");
  assert.equal(day("never"), "–");
});

test("a moment is told by its distance, before and ahead", () => {
  assert.equal(relative("2026-11-10T11:59:55Z", noon), "just now");
  assert.equal(relative("2026-11-10T11:55:00Z", noon), "5 min ago");
  assert.equal(relative("2026-11-10T15:00:00Z", noon), "in 3 h");
  assert.equal(relative("2026-11-10T15:20:31Z", noon), "in 3 h 21 min");
  assert.equal(relative("2026-10-29T12:00:00Z", noon), "12 days ago");
  assert.equal(relative(null, noon), "never");
});

test("counts have separators and the right number", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(count(999), "999");
  assert.equal(plural(1, "device"), "1 device");
  assert.equal(plural(0, "process", "processes"), "0 processes");
});

test("spans are told as the hub tells them", () => {
  const cases = [
    [0, "0 s"], [59.9, "59 s"], [60, "1 min"], [200, "3 min 20 s"], [629, "10 min"], [3570, "1 h"], [12000, "3 h 20 min"],
    [86370, "1 day"], [190800, "2 days 5 h"], [862199, "9 days 23 h"], [863989, "10 days"], [15552000, "180 days"],
  ];
  for (const [seconds, text] of cases) assert.equal(duration(seconds), text);
});

test("long ids are cut where others are the same", () => {
  assert.equal(shortIds("enrolment-token:01a2061c-6ad8-7e8c-b371-ac68d8f933a7"), "enrolment-token:01a2061c…f933a7");
  assert.equal(shortIds("user:admin"), "user:admin");
  assert.equal(shortIds(null), "");
});

test("sizes have three digits at most", () => {
  assert.equal(bytes(512), "512 B");
  assert.equal(bytes(41000), "40.0 KiB");
  assert.equal(bytes(246000), "240 KiB");
  assert.equal(bytes(8.4e6), "8.0 MiB");
  assert.equal(short("0123456789abcdef0123"), "0123456789ab");
});
