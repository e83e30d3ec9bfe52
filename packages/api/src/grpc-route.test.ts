// What the conformance test cannot say: the words, the paths, and what we add (RE2 syntax).

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KindInfo } from "./kind.ts";
import { formatFieldError, type ValidateOptions } from "./field-error.ts";
import { grpcRouteKind } from "./grpc-route.ts";
import { tlsRouteKind } from "./tls-route.ts";

function errors(info: KindInfo, spec: unknown, options?: ValidateOptions): string[] {
  const object = {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: info.kind,
    metadata: { name: "web", namespace: "shop" },
    spec,
  };
  info.defaults(object);
  return info.validate(object, options).map(formatFieldError);
}

const grpc = grpcRouteKind as unknown as KindInfo;
const backendRefs = [{ name: "web", port: 80 }];

describe("GRPCRoute", () => {
  it("takes names as protobuf writes them", () => {
    const method = (service: string, name: string): object => {
      return { method: { service, method: name } };
    };
    const rules = [
      { matches: [method("shop.v1.Catalog", "GetItem"), method("shop/Catalog", "Get-Item")] },
      { matches: [{ method: {} }], backendRefs },
    ];
    assert.deepEqual(errors(grpc, { rules }), [
      "spec.rules[0].matches[1].method.service: Invalid value: " +
        '"shop/Catalog": must be names joined by dots, as in protobuf',
      "spec.rules[0].matches[1].method.method: Invalid value: " +
        "\"Get-Item\": must be a name of letters, digits and '_', no digit first",
      "spec.rules[1].matches[0].method: Required value: service, method or both",
    ]);
  });

  it("asks whether patterns are RE2", () => {
    const type = "RegularExpression";
    const rules = [
      {
        matches: [
          { method: { type, service: "(?=a)", method: "(?=b)" } },
          { method: { service: "plain" }, headers: [{ type, name: "x", value: "(?=c)" }] },
        ],
        backendRefs,
      },
    ];
    const seen: string[] = [];
    const regexError = (pattern: string): string => {
      seen.push(pattern);
      return "no";
    };
    const found = errors(grpc, { rules }, { regexError });
    assert.deepEqual(seen, ["(?=a)", "(?=b)", "(?=c)"]);
    assert.deepEqual(
      found[1],
      'spec.rules[0].matches[0].method.method: Invalid value: "(?=b)": ' +
        "must be a regular expression of RE2: no",
    );
  });
});

describe("TLSRoute", () => {
  it("is for names, not addresses", () => {
    const spec = { hostnames: ["a.b", "127.0.0.1"], rules: [{ backendRefs }] };
    assert.deepEqual(errors(tlsRouteKind as unknown as KindInfo, spec), [
      'spec.hostnames[1]: Invalid value: "127.0.0.1": must be a name, not an address',
    ]);
  });
});
