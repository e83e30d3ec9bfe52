// What the conformance test cannot say: the words, the paths, and what we add (RE2 syntax).

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatFieldError, type ValidateOptions } from "./field-error.ts";
import { type HttpRoute, httpRouteKind } from "./http-route.ts";

function route(spec: unknown): HttpRoute {
  const object = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "web", namespace: "shop" },
    spec,
  } as HttpRoute;
  httpRouteKind.defaults(object);
  return object;
}

function errors(spec: unknown, options?: ValidateOptions): string[] {
  return httpRouteKind.validate(route(spec), options).map(formatFieldError);
}

const web = { name: "web", port: 80 };
const exact = (value: string): object => ({ path: { type: "Exact", value } });

describe("HTTPRoute", () => {
  it("matches everything by default", () => {
    assert.deepEqual(route({ rules: [{ backendRefs: [web] }] }).spec.rules, [
      {
        matches: [{ path: { type: "PathPrefix", value: "/" } }],
        backendRefs: [{ ...web, group: "", kind: "Service", weight: 1 }],
      },
    ]);
    assert.equal(route({}).spec.rules?.length, 1);
  });

  it("reports what is wrong in every rule", () => {
    const rules = [
      { matches: [exact("a")], backendRefs: [{ name: "web" }] },
      { matches: "all", backendRefs: [{ name: "web" }] },
      {
        filters: [{ type: "RequestRedirect", urlRewrite: {} }],
        timeouts: { request: "1s", backendRequest: "2s" },
      },
    ];
    assert.deepEqual(errors({ hostnames: ["A"], rules }), [
      'spec.hostnames[0]: Invalid value: "A": must be a DNS name in lower case, ' +
        "with '*.' as the only wildcard and only at the start",
      "spec.rules[0].matches[0].path.value: Invalid value: " +
        "\"a\": must start with '/' for type Exact",
      "spec.rules[0].backendRefs[0].port: Required value: a Service needs one",
      'spec.rules[1].matches: Invalid value: "all": must be of type array',
      "spec.rules[1].backendRefs[0].port: Required value: a Service needs one",
      "spec.rules[2].filters[0].requestRedirect: Required value: " +
        "a filter of type RequestRedirect needs it",
      "spec.rules[2].filters[0].urlRewrite: Forbidden: " +
        "only a filter of type URLRewrite has it, not RequestRedirect",
      'spec.rules[2].timeouts.backendRequest: Invalid value: "2s": ' +
        "must not be longer than request (1s)",
    ]);
  });

  it("takes plain paths only in their normal form", () => {
    for (const value of ["/", "/a", "/a/", "/a.b/..c", "/%41", "/a;b=c"]) {
      assert.deepEqual(errors({ rules: [{ matches: [exact(value)] }] }), [], value);
    }
    for (const value of [
      "",
      "a",
      "//",
      "/a/./b",
      "/a/../b",
      "/a/..",
      "/a/.",
      "/%2f",
      "/#",
      "/ä",
      "/%4",
    ]) {
      assert.notDeepEqual(errors({ rules: [{ matches: [exact(value)] }] }), [], value);
    }
  });

  it("asks whether patterns are RE2, where it is told whom to ask", () => {
    const type = "RegularExpression";
    const match = {
      path: { type, value: "(a" },
      headers: [
        { type, name: "x", value: "(b" },
        { name: "y", value: "(c" },
      ],
      queryParams: [{ type, name: "z", value: "(d" }],
    };
    const regexError = (pattern: string): string => `no ${pattern}`;
    const words = "must be a regular expression of RE2: no";
    assert.deepEqual(errors({ rules: [{ matches: [match] }] }, { regexError }), [
      `spec.rules[0].matches[0].path.value: Invalid value: "(a": ${words} (a`,
      `spec.rules[0].matches[0].headers[0].value: Invalid value: "(b": ${words} (b`,
      `spec.rules[0].matches[0].queryParams[0].value: Invalid value: "(d": ${words} (d`,
    ]);
    assert.deepEqual(errors({ rules: [{ matches: [match] }] }), []);
  });

  it("names the filter that needs one prefix", () => {
    const path = { type: "ReplacePrefixMatch", replacePrefixMatch: "/b" };
    const filters = [{ type: "URLRewrite", urlRewrite: { path } }];
    const rule = { matches: [exact("/a")], backendRefs: [{ ...web, filters }] };
    assert.deepEqual(errors({ rules: [rule] }), [
      "spec.rules[0].backendRefs[0].filters[0].urlRewrite.path.type: Invalid value: " +
        '"ReplacePrefixMatch": the rule must have exactly one match, of type PathPrefix',
    ]);
    const prefixed = { matches: [{ path: { value: "/a" } }], backendRefs: [{ ...web, filters }] };
    assert.deepEqual(errors({ rules: [prefixed] }), []);
  });

  it("tells refs to one parent apart by section", () => {
    const parent = { group: "", kind: "Service", name: "web" };
    const refs = (...sections: (string | undefined)[]): string[] => {
      const parentRefs = sections.map((sectionName) => {
        return sectionName === undefined ? parent : { ...parent, sectionName };
      });
      return errors({ parentRefs });
    };
    assert.deepEqual(refs("a", "b"), []);
    assert.equal(refs("a", "a").length, 1);
    assert.equal(refs(undefined, undefined).length, 1);
    assert.deepEqual(refs("a", undefined), [
      "spec.parentRefs[1].sectionName: Required value: several refs to one parent need it each",
    ]);
  });

  it("counts the matches of all rules", () => {
    const matches = Array.from({ length: 43 }, (_, index) => exact(`/${index}`));
    assert.deepEqual(errors({ rules: [{ matches }, { matches }, { matches }] }), [
      "spec.rules: Invalid value: 129: must have at most 128 matches in all",
    ]);
  });

  it("shows its host names", () => {
    const cell = httpRouteKind.columns[1]?.cell(route({ hostnames: ["a.test", "b.test"] }), 0);
    assert.equal(cell, '["a.test","b.test"]');
  });
});
