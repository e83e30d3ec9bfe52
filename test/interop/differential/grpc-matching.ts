// Which rule of a GRPCRoute a request meets; HTTP/1.1 carries it as well as anything.

import type { DifferentialCase } from "./case.ts";

const rule = (version: "v1" | "v2", matches: string): string => `
    - matches: ${matches}
      backendRefs: [{ name: only-${version}, port: 80 }]`;

const grpcRoute = (name: string, rules: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: ${name} }
spec:
  parentRefs: [{ group: "", kind: Service, name: ${name} }]
  rules:${rules}
`;

export const grpcCases: readonly DifferentialCase[] = [
  {
    name: "grpc-methods",
    objects: grpcRoute(
      "grpc-methods",
      rule("v2", "[{ method: { service: shop.Catalog, method: Get } }]") +
        rule("v1", "[{ method: { service: shop.Catalog } }]") +
        rule("v2", "[{ method: { method: Watch } }]") +
        rule(
          "v1",
          '[{ method: { type: RegularExpression, service: "a|b", method: "(Get|List)Item" } }]',
        ),
    ),
    requests: [
      ...["POST /shop.Catalog/Get", "POST /shop.Catalog/List", "POST /shop.Catalogs/Get"],
      ...["POST /shop.Other/Watch", "POST /x/shop.Other/Watch", "POST /a/GetItem"],
      ...["POST /b/ListItem", "POST /c/GetItem", "POST /a/GetItems", "GET /shop.Catalog/Get"],
    ],
  },
  {
    name: "grpc-headers",
    objects: grpcRoute(
      "grpc-headers",
      rule("v1", "[{}]") +
        rule("v2", '[{ headers: [{ name: x-canary, value: "yes" }] }]') +
        rule("v2", "[{ method: { service: shop.Catalog } }]"),
    ),
    requests: [
      ...["POST /a.B/C", "POST /a.B/C\nx-canary: yes", "POST /shop.Catalog/Get"],
      "POST /shop.Catalog/Get\nx-canary: no",
    ],
  },
  {
    name: "grpc-answers",
    objects: grpcRoute(
      "grpc-answers",
      rule("v2", "[{ method: { service: shop.Catalog } }]") +
        `
    - matches: [{ method: { service: shop.Nowhere } }]
      backendRefs: [{ name: missing, port: 80 }]
    - matches: [{ method: { service: shop.Nothing } }]`,
    ),
    requests: [
      ...["/shop.Unknown/Get", "/shop.Nowhere/Get", "/shop.Nothing/Get"].map(
        (path) => `POST ${path}\ncontent-type: application/grpc\nte: trailers\nconnection: te`,
      ),
      "POST /shop.Unknown/Get\ncontent-type: application/grpc-web",
    ],
  },
];
