// Flat header lists, and how known names are found.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  appendHeader,
  hasHeader,
  type HeaderList,
  headerValue,
  joinedHeaderValue,
  removeHeader,
  setHeader,
} from "./header-list.ts";
import { findName, hashByte, knownNames } from "./header-names.ts";

test("values are found by name, never by a value that looks like a name", () => {
  const headers: HeaderList = ["a", "b", "b", "1", "c", "", "b", "2"];
  assert.equal(headerValue(headers, "b"), "1");
  assert.equal(headerValue(headers, "c"), "");
  assert.equal(headerValue(headers, "1"), null);
  assert.equal(joinedHeaderValue(headers, "b"), "1, 2");
  assert.equal(joinedHeaderValue(headers, "d"), null);
  assert.equal(hasHeader(headers, "c"), true);
  assert.equal(hasHeader(headers, "2"), false);
});

test("setting keeps the first place and leaves one value", () => {
  const headers: HeaderList = ["a", "1", "b", "2", "a", "3", "c", "4"];
  setHeader(headers, "a", "x");
  assert.deepEqual(headers, ["a", "x", "b", "2", "c", "4"]);
  setHeader(headers, "d", "5");
  assert.deepEqual(headers, ["a", "x", "b", "2", "c", "4", "d", "5"]);
  appendHeader(headers, "b", "6");
  assert.equal(joinedHeaderValue(headers, "b"), "2, 6");
});

test("removing takes every field of the name and says whether there was one", () => {
  const headers: HeaderList = ["a", "1", "b", "a", "a", "3"];
  assert.equal(removeHeader(headers, "a"), true);
  assert.deepEqual(headers, ["b", "a"]);
  assert.equal(removeHeader(headers, "a"), false);
});

test("every known name is found by its bytes in any case, and no other", () => {
  const find = (text: string): number => {
    const bytes = Buffer.from(`(${text})`, "latin1");
    let hash = 0;
    for (const letter of text.toLowerCase()) hash = hashByte(hash, letter.charCodeAt(0));
    return findName(bytes, 1, bytes.length - 1, hash);
  };
  assert.equal(new Set(knownNames).size, knownNames.length);
  for (const [id, name] of knownNames.entries()) {
    assert.equal(name, name.toLowerCase());
    assert.equal(find(name), id);
    assert.equal(find(name.toUpperCase()), id);
    assert.equal(find(`${name}x`), -1);
    assert.equal(find(name.slice(1)), knownNames.indexOf(name.slice(1)));
  }
});

test("a name with the hash of a known one is not taken for it", () => {
  const bytes = Buffer.from("hosx");
  let hash = 0;
  for (const letter of "host") hash = hashByte(hash, letter.charCodeAt(0));
  assert.equal(findName(bytes, 0, 4, hash), -1);
});
