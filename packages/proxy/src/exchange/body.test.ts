import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestBody } from "./body.ts";
import type { UpstreamConnection } from "./exchange.ts";

/** A connection that remembers what it was sent and says whether it takes more. */
function connection(takesMore = true): UpstreamConnection & { text: string } {
  return {
    text: "",
    isReused: false,
    hasBegun: false,
    send() {},
    sendContent(bytes) {
      this.text += bytes.toString();
      return takesMore;
    },
    sendEnd() {},
    pauseContent() {},
    resumeContent() {},
    abort() {},
  };
}

test("bytes taken before there is a connection are sent to the first, and again to the next", () => {
  const body = new RequestBody();
  const lent = Buffer.from("one ");
  assert.equal(body.take(lent, null), true);
  lent.fill("!");
  const first = connection();
  body.replay(first);
  body.take(Buffer.from("two"), first);
  assert.equal(first.text, "one two");
  const second = connection();
  body.replay(second);
  assert.equal(second.text, "one two");
  assert.equal(body.canReplay, true);
});

test("without a connection the downstream is stopped at the bound, and nothing is lost", () => {
  const body = new RequestBody();
  const chunk = Buffer.alloc(40_000, "a");
  assert.equal(body.take(chunk, null), true);
  assert.equal(body.take(chunk, null), false);
  const first = connection();
  body.replay(first);
  assert.equal(first.text.length, 80_000);
  assert.equal(body.canReplay, false);
});

test("a long body is sent once and forgotten; backpressure is passed on", () => {
  const body = new RequestBody();
  const slow = connection(false);
  const chunk = Buffer.alloc(40_000, "a");
  assert.equal(body.take(chunk, slow), false);
  assert.equal(body.canReplay, true);
  body.take(chunk, slow);
  assert.equal(body.canReplay, false);
  assert.equal(body.keptBytes, 0);
});
