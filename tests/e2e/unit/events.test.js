// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import test from "node:test";

import { openEvents } from "../../../web/lib/events.js";

/** The browser's stream, as far as its life goes: it is opened and lost by hand. */
class Source {
  static CLOSED = 2;
  static last = null;

  constructor() {
    this.readyState = 0;
    Source.last = this;
  }

  addEventListener() {}

  open() {
    this.readyState = 1;
    this.onopen();
  }

  lose(readyState = 0) {
    this.readyState = readyState;
    this.onerror();
  }

  close() {
    this.readyState = Source.CLOSED;
  }
}

/** What a listener was told, while the clock stands still but for @p play. */
function listen(t, play) {
  globalThis.EventSource = Source;
  t.mock.timers.enable(["setTimeout"]);
  const told = [];
  const close = openEvents({ onState: (is) => told.push(is), onMissed: () => told.push("missed"), onEvent() {} });
  play({ tick: (ms) => t.mock.timers.tick(ms), close });
  close();
  t.mock.timers.reset();
  delete globalThis.EventSource;
  return told;
}

test("a stream that ends and opens again soon is never called lost", (t) => {
  const told = listen(t, ({ tick }) => {
    Source.last.open();
    for (let i = 0; i < 3; i++) {
      Source.last.lose();
      tick(4900);
      Source.last.open();
      tick(180000);
    }
  });
  assert.deepEqual(told, [true, "missed", true, "missed", true, "missed", true, "missed"]);
});

test("five seconds without a stream are told, once, and so is its return", (t) => {
  const told = listen(t, ({ tick }) => {
    Source.last.open();
    Source.last.lose();
    tick(2000);
    Source.last.lose();
    tick(3000);
    Source.last.lose();
    tick(4000);
    Source.last.open();
  });
  assert.deepEqual(told, [true, "missed", false, true, "missed"]);
});

test("a stream that the hub refused is opened anew, and not after it was ended", (t) => {
  let first, second;
  const told = listen(t, ({ tick, close }) => {
    first = Source.last;
    first.lose(Source.CLOSED);
    tick(5000);
    second = Source.last;
    assert.notEqual(second, first);
    second.lose(Source.CLOSED);
    close();
    tick(60000);
  });
  assert.equal(Source.last, second);
  // Each refusal lets the page fetch, which tells why.
  assert.deepEqual(told, ["missed", false, "missed"]);
});
