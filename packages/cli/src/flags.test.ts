import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCount, parseDurationMs, parseHostPort, parseName, parsePort } from "./flags.ts";

const refused = (parse: (text: string) => unknown, texts: readonly string[]): void => {
  for (const text of texts) assert.throws(() => parse(text), { code: "commander.invalidArgument" });
};

test("ports, counts and names have their bounds", () => {
  assert.deepEqual([parsePort("1"), parsePort("65535")], [1, 65_535]);
  refused(parsePort, ["0", "65536", "-1", "8 0", "0x50", "", "80.5"]);
  assert.deepEqual([parseCount("1"), parseCount("256")], [1, 256]);
  refused(parseCount, ["0", "257", "many"]);
  assert.equal(parseName("a-1"), "a-1");
  refused(parseName, ["", "A", "a_b", "-a", "a-", "a.b", "a".repeat(64)]);
});

test("durations have units", () => {
  assert.equal(parseDurationMs("500ms"), 500);
  assert.equal(parseDurationMs("30s"), 30_000);
  assert.equal(parseDurationMs("1m30s"), 90_000);
  assert.equal(parseDurationMs("2h"), 7_200_000);
  assert.equal(parseDurationMs("0s"), 0);
  refused(parseDurationMs, ["", "30", "s", "1.5s", "-1s", "1d"]);
});

test("an address has a host and a port", () => {
  for (const text of ["127.0.0.1:7071", "[::1]:7071", "mesh.local:1", "127.0.0.1:0"]) {
    assert.equal(parseHostPort(text), text);
  }
  refused(parseHostPort, ["127.0.0.1", ":80", "a:b", "::1:80", "a:65536", "http://a:80"]);
});
