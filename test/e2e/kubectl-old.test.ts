// kubectl 1.20 against a running `weft up`: at least get, create, delete, and what else works.

import assert from "node:assert/strict";
import { test } from "node:test";
import { openOldKubectl } from "../harness/kubectl.ts";
import { Mesh } from "../harness/mesh.ts";

const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog }]
  rules: [{ backendRefs: [{ name: catalog, port: 80 }] }]
`;

test("kubectl 1.20", { timeout: 120_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  const kubectl = openOldKubectl(context, mesh.server);
  if (kubectl === null) return;
  assert.match(await kubectl.ok(["version", "--client"]), /Minor:"20"/);
  await kubectl.ok(["create", "namespace", "shop"]);
  await kubectl.ok(["create", "service", "clusterip", "catalog", "--tcp=80:8080", "-n", "shop"]);
  assert.match(await kubectl.ok(["create", "-f", "-"], { input: route }), /catalog created/);
  assert.match(await kubectl.ok(["get", "svc", "-n", "shop"]), /catalog +ClusterIP .* 80\/TCP/);
  const yaml = await kubectl.ok(["get", "httproutes", "catalog", "-n", "shop", "-o", "yaml"]);
  assert.match(yaml, /kind: HTTPRoute/);
  assert.match(await kubectl.ok(["describe", "svc", "catalog", "-n", "shop"]), /Port: +80-8080/);
  const unknown = route.replace("  rules:", "  rulez: 1\n  rules:");
  assert.match(await kubectl.fails(["apply", "-f", "-"], { input: unknown }), /rulez/);
  await kubectl.ok(["apply", "-f", "-"], { input: route });
  await kubectl.ok(["delete", "httproute", "catalog", "-n", "shop"]);
  await kubectl.ok(["delete", "namespace", "shop"]);
  assert.match(await kubectl.fails(["get", "svc", "catalog", "-n", "shop"]), /NotFound/);
});
