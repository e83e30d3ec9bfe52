import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ApiObject, kinds, type KindInfo } from "@weft/api";
import { parseFieldSelector } from "./field-selector.ts";
import { parseLabelSelector } from "./label-selector.ts";

const labels = { app: "web", tier: "front", "weft.dev/service": "catalog", size: "7", empty: "" };

describe("label selectors", () => {
  const cases: readonly [selector: string, matches: boolean][] = [
    ["app=web", true],
    ["app==web", true],
    ["app = web", true],
    ["app=shop", false],
    ["app!=shop", true],
    ["app!=web", false],
    ["missing!=x", true],
    ["missing=x", false],
    ["empty=", true],
    ["app", true],
    ["missing", false],
    ["!missing", true],
    ["!app", false],
    ["app in (web, shop)", true],
    ["app notin (web, shop)", false],
    ["missing notin (x)", true],
    ["missing in (x)", false],
    ["weft.dev/service=catalog,tier in (front,back),!old", true],
    ["weft.dev/service=catalog,tier in (back)", false],
    ["size>6", true],
    ["size<6", false],
    ["app>6", false],
    ["toString", false],
  ];
  for (const [selector, expected] of cases) {
    it(`${selector} is ${expected}`, () => {
      assert.equal(parseLabelSelector(selector)?.(labels), expected);
    });
  }

  it("nothing selects everything", () => {
    assert.equal(parseLabelSelector(""), null);
    assert.equal(parseLabelSelector("  "), null);
  });

  it("refuses what is none, with 400", () => {
    for (const selector of ["a=b=c", "=b", "a in b", "a in (b", "-a=b", "a>x", "a,,b", "a=b c"]) {
      assert.throws(() => parseLabelSelector(selector), { code: 400 }, selector);
    }
  });
});

describe("field selectors", () => {
  const info = kinds.Event as KindInfo;
  const event: ApiObject & { involvedObject: object; reason: string } = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "a,b", namespace: "shop" },
    involvedObject: { kind: "Service", name: "web" },
    reason: "Kept",
  };
  const cases: readonly [selector: string, matches: boolean][] = [
    ["involvedObject.name=web", true],
    ["involvedObject.name=web,involvedObject.kind=Service,metadata.namespace=shop", true],
    ["involvedObject.kind!=Service", false],
    ["involvedObject.uid=", true],
    ["metadata.name=a\\,b", true],
    ["reason==Kept", true],
  ];
  for (const [selector, expected] of cases) {
    it(`${selector} is ${expected}`, () => {
      assert.equal(parseFieldSelector(info, selector)?.matches(event), expected);
    });
  }

  it("knows when one name is asked for", () => {
    assert.equal(parseFieldSelector(info, "metadata.name=x")?.name, "x");
    assert.equal(parseFieldSelector(info, "metadata.name!=x")?.name, null);
    assert.equal(parseFieldSelector(info, ""), null);
  });

  it("refuses fields that a kind does not offer, and what is no selector", () => {
    assert.throws(() => parseFieldSelector(info, "spec.x=1"), /field label not supported: spec.x/);
    assert.throws(() => parseFieldSelector(info, "metadata.name"), { code: 400 });
  });
});
