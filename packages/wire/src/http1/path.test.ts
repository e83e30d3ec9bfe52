// Path normalisation, http-cases H28.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type EncodedSeparators, normalizePath } from "./path.ts";

const cases: readonly (readonly [path: string, normal: string | null])[] = [
  ["/", "/"],
  ["*", "*"],
  ["/a/b", "/a/b"],
  ["/a/b/", "/a/b/"],
  ["/a/../b", "/b"],
  ["/a/./b", "/a/b"],
  ["/a//b", "/a/b"],
  ["//a", "/a"],
  ["//", "/"],
  ["/.", "/"],
  ["/..", null],
  ["/a/.", "/a/"],
  ["/a/..", "/"],
  ["/a/b/..", "/a/"],
  ["/../a", null],
  ["/a/../../b", null],
  ["//../a", null],
  ["/./../a", null],
  ["/a//../../b", null],
  ["/a/b/../../c", "/c"],
  ["/a//../b", "/a/b"],
  ["/.hidden", "/.hidden"],
  ["/a/...", "/a/..."],
  ["/a..b/.c", "/a..b/.c"],
  ["/%61dmin", "/admin"],
  ["/%7Euser/%2D%5f", "/~user/-_"],
  ["/caf%c3%a9", "/caf%C3%A9"],
  ["/a%20b%3f", "/a%20b%3F"],
  ["/%2561", "/%2561"],
  ["/%252e%252e/", "/%252e%252e/"],
  ["/%2f", null],
  ["/a%2F..%2fb", null],
  ["/a%5cb", null],
  ["/%2e%2e/a", null],
  ["/a/.%2E/b", null],
  ["/%", null],
  ["/%4", null],
  ["/%zz", null],
  ["/a\\b", null],
  ["a/b", null],
  ["", null],
];

for (const [path, normal] of cases) {
  test(`H28 ${JSON.stringify(path)} becomes ${JSON.stringify(normal)}`, () => {
    assert.equal(normalizePath(path, "reject"), normal);
  });
}

test("H28 encoded separators can be kept or decoded", () => {
  assert.equal(normalizePath("/a%2f..%5c%2eb", "keep"), "/a%2F..%5C%2Eb");
  assert.equal(normalizePath("/a%2fb%5cc", "decode"), "/a/b/c");
  assert.equal(normalizePath("/a/%2e%2E/b", "decode"), "/b");
  assert.equal(normalizePath("/a/.%2e%2fb", "decode"), "/b");
  assert.equal(normalizePath("/.%2e%2fb", "decode"), null);
  assert.equal(normalizePath("/%252e", "decode"), "/%252e");
});

test("H28 normalising twice changes nothing, and no dot segment or empty segment is left", () => {
  const parts = ["/", "/", "a", ".", "..", "%61", "%2e", "%2f", "%c3", "%2B", "b%41", ";x"];
  const policies: readonly EncodedSeparators[] = ["reject", "keep", "decode"];
  let seed = 7;
  for (let round = 0; round < 3000; round++) {
    let path = "/";
    for (let i = 0; i < 8; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      path += parts[(seed >>> 16) % parts.length];
    }
    for (const policy of policies) {
      const once = normalizePath(path, policy);
      if (once === null) continue;
      assert.equal(normalizePath(once, policy), once, path);
      const segments = once.split("/").slice(1, -1);
      assert.ok(!segments.some((part) => part === "" || part === "." || part === ".."), once);
    }
  }
});
