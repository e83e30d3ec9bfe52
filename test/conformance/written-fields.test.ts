// Nothing that ends a line or a field can come from configuration into a message (H33): the API's
// validators refuse it, and a proxy that is sent it all the same refuses the update and goes on
// with what it had. What peers say is refused by the codecs (http1-requests, http2-requests,
// http2-hostile-servers).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { typeUrls } from "@weft/xds";
import { behaviour, type Mesh, parse, type WrittenObject } from "./harness.ts";

/** What configuration writes, and where it can be seen. */
const places: readonly (readonly [value: string, path: string])[] = [
  ["request-set", "/edit"],
  ["request-add", "/edit"],
  ["answers-set", "/edit"],
  ["answers-add", "/edit"],
  ["header-name", "/named"],
  ["moved-host1", "/moved"],
  ["/moved-full", "/moved"],
  ["/moved-part", "/prefixed/x"],
  ["inner-host1", "/old/x"],
  ["/inner-part", "/old/x"],
  ["/inner-full", "/full"],
];
/** As long as the values, so that the bytes around them stay right. */
const hostile = ["/\r\nx-bad: 1", "/\nx-bad: 12", "/\rx-bad: 12", "/\0x-bad: 12", "/\x7fx-bad: 12"];

const yaml = readFileSync(new URL("written-fields.yaml", import.meta.url), "utf8");
const route = (): WrittenObject => {
  const found = parse(yaml).find(({ kind }) => kind === "HTTPRoute");
  return found as WrittenObject;
};

/** The route in which one value is hostile. */
function poisoned(value: string, bad: string): WrittenObject {
  const text = JSON.stringify(route());
  return JSON.parse(text.replace(JSON.stringify(value), JSON.stringify(bad))) as WrittenObject;
}

/** What the proxies are sent instead, while not null. */
let instead: { readonly value: string; readonly bad: string } | null = null;
const options = {
  edit: (typeUrl: string, _name: string, bytes: Uint8Array): Uint8Array => {
    const text = Buffer.from(bytes).toString("latin1");
    if (typeUrl !== typeUrls.route || instead === null) return bytes;
    return Buffer.from(text.replaceAll(instead.value, instead.bad), "latin1");
  },
};

/** All of the answer, and what the program saw in it, but for what differs each time. */
async function answerText(mesh: Mesh, path: string): Promise<string> {
  const { status, headers, body } = await mesh.send("web", `http://shop${path}`);
  const { date: _, ...rest } = headers;
  const seen = body.replace(/"x-request-id":"\w+"/, "");
  return JSON.stringify({ status, headers: rest, body: seen });
}

behaviour(
  "a line end in configuration is refused by the API's validators (H33)",
  import.meta.url,
  async (mesh) => {
    const taken: string[] = [];
    for (const [value] of places) {
      for (const bad of hostile) {
        try {
          mesh.control.put(poisoned(value, bad));
          taken.push(JSON.stringify([value, bad]));
        } catch (error) {
          assert.match(String(error), /HTTPRoute shop: spec\.rules/);
        }
      }
    }
    assert.deepEqual(taken, []);
  },
  options,
  [1],
);

behaviour(
  "and by a proxy that is sent it, which goes on with what it had (H33)",
  import.meta.url,
  async (mesh) => {
    for (const [value, path] of places) {
      const before = await answerText(mesh, path);
      assert.ok(before.includes(value.replace("/", "")), `${path} shows ${value}: ${before}`);
      for (const bad of hostile) {
        const refusedBefore = mesh.control.refusals.length;
        instead = { value, bad };
        // A new version of the table, with another first rule.
        mesh.control.put(withTimeout(refusedBefore));
        instead = null;
        const what = JSON.stringify([value, bad]);
        assert.ok(mesh.control.refusals.length > refusedBefore, `${what} was refused`);
        assert.equal(await answerText(mesh, path), before, what);
      }
      mesh.control.put(route());
      await mesh.settled();
    }
  },
  options,
  [1],
);

function withTimeout(count: number): WrittenObject {
  const changed = route();
  const { rules } = changed.spec as { rules: { timeouts?: object }[] };
  (rules[0] as { timeouts?: object }).timeouts = { request: `${10 + count}s` };
  return changed;
}
