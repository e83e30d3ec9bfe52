// A current, unmodified kubectl against a running `weft up`: every verb that the design promises.

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { type Kubectl, openKubectl } from "../harness/kubectl.ts";
import { Mesh } from "../harness/mesh.ts";
import { eventually } from "../harness/processes.ts";

const shop = (weight: number, more = ""): string => `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Service
metadata: { name: catalog, namespace: shop, labels: { app: catalog } }
spec:
  selector: { weft.dev/service: catalog }
  ports: [{ name: http, port: 80 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: catalog, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: catalog, port: 80 }]
  rules:
    - backendRefs:
        - { name: catalog, port: 80, weight: ${weight} }
        - { name: catalog-v2, port: 80, weight: ${100 - weight} }
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: catalog-kvtqz, namespace: shop, labels: { weft.dev/service: catalog } }
spec:
  serviceAccount: catalog
  address: 127.0.0.1${more}
  ports: [{ name: http, port: 8080, protocol: HTTP, meshPort: 15006 }]
`;

const stdin = ["-f", "-"];

test("kubectl", { timeout: 240_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  const kubectl = await openKubectl(context, mesh.server);
  if (kubectl === null) return;
  const part = async (name: string, run: (t: TestContext) => Promise<void>): Promise<void> => {
    await context.test(name, run);
  };

  await part("discovers kinds", async () => {
    const kinds = await kubectl.ok(["api-resources"]);
    for (const kind of ["services", "httproutes", "workloads", "trafficpolicies", "events"]) {
      assert.match(kinds, new RegExp(`^${kind} `, "m"));
    }
    assert.match(await kubectl.ok(["api-versions"]), /gateway\.networking\.k8s\.io\/v1\n/);
    assert.match(await kubectl.ok(["version"]), /Server Version: v1\./);
    assert.match(await kubectl.ok(["get", "namespaces"]), /default +Active/);
  });

  await part("applies, client side", async () => {
    const made = await kubectl.ok(["apply", ...stdin], { input: shop(90) });
    assert.match(made, /httproute\.gateway\.networking\.k8s\.io\/catalog created/);
    const again = await kubectl.ok(["apply", ...stdin], { input: shop(90) });
    assert.match(again, /service\/catalog unchanged/);
    const changed = await kubectl.ok(["apply", ...stdin], { input: shop(50) });
    assert.match(changed, /catalog configured/);
    const weight = "{.spec.rules[0].backendRefs[0].weight}";
    const args = ["get", "httproute", "catalog", "-n", "shop", "-o", `jsonpath=${weight}`];
    assert.equal(await kubectl.ok(args), "50");
  });

  await part("gets: table, wide, yaml, selectors, chunks", () => getPart(kubectl));
  await part("watches", () => watchPart(kubectl));
  await part("diffs and applies, server side, with conflicts", () => applyPart(kubectl));
  await part("edits, patches, replaces, labels, annotates", (t) => changePart(t, kubectl));
  await part("validates: strict, dry run, every wrong field", () => validatePart(kubectl));
  await part("creates what it has types for", () => createPart(kubectl));

  await part("describes with events, explains, asks what it may", () => describePart(kubectl));
  await part("waits for conditions, fields and deletion, and deletes", () => deletePart(kubectl));
});

async function getPart(kubectl: Kubectl): Promise<void> {
  const table = await kubectl.ok(["get", "services", "-n", "shop"]);
  assert.match(table, /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\ncatalog +ClusterIP/);
  const wide = await kubectl.ok(["get", "svc", "-n", "shop", "-o", "wide"]);
  assert.match(wide, /SELECTOR\n.*weft\.dev\/service=catalog/);
  const yaml = await kubectl.ok(["get", "svc", "catalog", "-n", "shop", "-o", "yaml"]);
  assert.match(yaml, /^apiVersion: v1\nkind: Service\n|kind: Service/);
  assert.match(yaml, /weft\.dev\/service: catalog/);
  const labelled = await kubectl.ok(["get", "svc", "-A", "-l", "app=catalog", "--show-labels"]);
  assert.match(labelled, /shop +catalog .*app=catalog/);
  assert.match(await kubectl.ok(["get", "svc", "-A", "-l", "app!=catalog"]), /No resources/);
  const byField = ["get", "svc", "-A", "--field-selector", "metadata.name=catalog", "-o", "name"];
  assert.equal((await kubectl.ok(byField)).trim(), "service/catalog");
  const missing = await kubectl.fails(["get", "svc", "none", "-n", "shop"]);
  assert.match(missing, /Error from server \(NotFound\): services "none" not found/);
  for (let i = 0; i < 7; i++) await kubectl.ok(["create", "configmap", `c${i}`, "-n", "shop"]);
  const chunked = ["get", "cm", "-n", "shop", "--chunk-size=3", "-o", "name", "-v=6"];
  const answer = await kubectl.run(chunked);
  assert.equal(answer.stdout.trim().split("\n").length, 7);
  assert.equal(answer.stderr.match(/configmaps\?.*limit=3/g)?.length, 3);
  assert.match(await kubectl.ok(["get", "all", "-n", "shop"]), /catalog +ClusterIP/);
}

async function watchPart(kubectl: Kubectl): Promise<void> {
  const watch = kubectl.start(["get", "configmaps", "-n", "shop", "-w", "--output-watch-events"]);
  await watch.printed(/ADDED +c6/);
  await kubectl.ok(["create", "configmap", "watched", "-n", "shop"]);
  await watch.printed(/ADDED +watched/);
  await kubectl.ok(["label", "configmap", "watched", "-n", "shop", "a=b"]);
  await watch.printed(/MODIFIED +watched/);
  await kubectl.ok(["delete", "configmap", "watched", "-n", "shop"]);
  await watch.printed(/DELETED +watched/);
  await watch.stop();
}

async function applyPart(kubectl: Kubectl): Promise<void> {
  assert.equal((await kubectl.run(["diff", ...stdin], { input: shop(50) })).code, 0);
  const diff = await kubectl.run(["diff", ...stdin], { input: shop(40) });
  assert.equal(diff.code, 1, diff.stderr);
  assert.match(diff.stdout, /-\s+weight: 50\n.*\+\s+weight: 40/s);
  const apply = ["apply", "--server-side", ...stdin];
  const refused = await kubectl.fails(apply, { input: shop(40) });
  assert.match(refused, /Apply failed with 1 conflict: conflict with "kubectl-client-side-apply"/);
  assert.match(refused, /: \.spec\.rules/);
  const forced = await kubectl.ok([...apply, "--force-conflicts"], { input: shop(40) });
  assert.match(forced, /catalog serverside-applied/);
  const other = [...apply, "--field-manager=other"];
  const late = await kubectl.fails(other, { input: shop(30) });
  assert.match(late, /conflict with "kubectl": \.spec\.rules/);
  const serverDiff = await kubectl.run(["diff", "--server-side", ...stdin], { input: shop(35) });
  assert.equal(serverDiff.code, 1, serverDiff.stderr);
  const labelled = (labels: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ssa, namespace: shop, labels: {${labels}}}`;
  await kubectl.ok([...apply, "--field-manager=one"], { input: labelled("a: first, b: both") });
  await kubectl.ok([...apply, "--field-manager=two"], { input: labelled("b: both") });
  await kubectl.ok([...apply, "--field-manager=one"], { input: labelled("") });
  const left = await kubectl.json(["get", "configmap", "ssa", "-n", "shop"]);
  assert.deepEqual((left["metadata"] as { labels: object }).labels, { b: "both" });
}

async function changePart(t: TestContext, kubectl: Kubectl): Promise<void> {
  const service = ["service", "catalog", "-n", "shop"];
  const ports = async (): Promise<string> =>
    await kubectl.ok(["get", ...service, "-o", "jsonpath={.spec.ports[*].port}"]);
  await kubectl.ok(["patch", ...service, "-p", '{"spec":{"ports":[{"port":81,"name":"alt"}]}}']);
  assert.equal(await ports(), "80 81");
  const remove = '[{"op":"remove","path":"/spec/ports/1"}]';
  await kubectl.ok(["patch", ...service, "--type=json", "-p", remove]);
  assert.equal(await ports(), "80");
  const route = ["httproute", "catalog", "-n", "shop"];
  const hostnames = '{"spec":{"hostnames":["shop.test"]}}';
  await kubectl.ok(["patch", ...route, "--type=merge", "-p", hostnames]);
  const strategic = await kubectl.fails(["patch", ...route, "-p", hostnames]);
  assert.match(strategic, /strategic-merge-patch\+json is not supported/);
  await kubectl.ok(["label", ...service, "tier=front"]);
  await kubectl.fails(["label", ...service, "tier=back"]);
  await kubectl.ok(["label", ...service, "tier=back", "--overwrite"]);
  await kubectl.ok(["label", ...service, "tier-"]);
  await kubectl.ok(["annotate", ...service, "note=first"]);
  const editor = path.join(kubectl.dir, "editor");
  writeFileSync(editor, '#!/bin/sh\nsed -i "s/note: first/note: edited/" "$1"\n');
  chmodSync(editor, 0o755);
  const edited = await kubectl.ok(["edit", ...service], { environment: { KUBE_EDITOR: editor } });
  assert.match(edited, /service\/catalog edited/);
  const yaml = await kubectl.ok(["get", ...service, "-o", "yaml"]);
  assert.match(yaml, /note: edited/);
  await t.test("replaces with optimistic concurrency", async () => {
    const input = yaml.replace("note: edited", "note: replaced");
    assert.match(await kubectl.ok(["replace", ...stdin], { input }), /service\/catalog replaced/);
    const stale = await kubectl.fails(["replace", ...stdin], { input });
    assert.match(stale, /\(Conflict\).*the object has been modified/);
    await kubectl.ok(["replace", "--force", ...stdin], { input });
  });
}

async function validatePart(kubectl: Kubectl): Promise<void> {
  const bogus = shop(50, "\n  bogus: 1");
  const strict = await kubectl.fails(["apply", "--validate=strict", ...stdin], { input: bogus });
  assert.match(strict, /strict decoding error: unknown field "spec\.bogus"/);
  const warned = await kubectl.ok(["apply", "--validate=warn", ...stdin], { input: bogus });
  assert.match(warned, /Warning: unknown field "spec\.bogus"/);
  const wrong = `
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: { name: wrong, namespace: shop }
spec: { serviceAccount: x, address: 127.0.0.1, ports: [{ name: a, port: 0, protocol: BAD }] }
`;
  const invalid = await kubectl.fails(["create", ...stdin], { input: wrong });
  assert.match(invalid, /spec\.ports\[0\]\.port: Invalid value: 0/);
  assert.match(invalid, /spec\.ports\[0\]\.protocol: Unsupported value: "BAD"/);
  const dry = ["create", "configmap", "dry", "-n", "shop", "--dry-run=server", "-o", "yaml"];
  assert.match(await kubectl.ok(dry), /uid: /);
  assert.match(await kubectl.fails(["get", "configmap", "dry", "-n", "shop"]), /NotFound/);
  const nowhere = await kubectl.fails(["create", "configmap", "x", "-n", "nowhere"]);
  assert.match(nowhere, /namespaces "nowhere" not found/);
}

async function createPart(kubectl: Kubectl): Promise<void> {
  await kubectl.ok(["create", "namespace", "made"]);
  const literal = ["--from-literal=key=value", "-n", "made"];
  await kubectl.ok(["create", "configmap", "settings", ...literal]);
  await kubectl.ok(["create", "secret", "generic", "key", ...literal]);
  await kubectl.ok(["create", "serviceaccount", "web", "-n", "made"]);
  await kubectl.ok(["create", "service", "clusterip", "web", "--tcp=80:8080", "-n", "made"]);
  const jsonpath = "jsonpath={.data.key} {.spec.ports[0].targetPort}";
  const read = async (name: string): Promise<string> =>
    (await kubectl.ok(["get", name, "-n", "made", "-o", jsonpath])).trim();
  assert.equal(await read("configmap/settings"), "value");
  assert.equal(await read("secret/key"), "dmFsdWU=");
  assert.equal(await read("service/web"), "8080");
  const again = await kubectl.fails(["create", "namespace", "made"]);
  assert.match(again, /\(AlreadyExists\).*namespaces "made" already exists/);
  await kubectl.ok(["delete", "namespace", "made"]);
  assert.match(await kubectl.fails(["get", "namespace", "made"]), /NotFound/);
}

async function describePart(kubectl: Kubectl): Promise<void> {
  const service = await kubectl.json(["get", "service", "catalog", "-n", "shop"]);
  const { uid } = service["metadata"] as { uid: string };
  const event = `
apiVersion: v1
kind: Event
metadata: { name: catalog.1, namespace: shop }
involvedObject: { apiVersion: v1, kind: Service, namespace: shop, name: catalog, uid: ${uid} }
type: Warning
reason: EndpointsKept
message: two stay
source: { component: tester }
`;
  await kubectl.ok(["create", ...stdin], { input: event });
  const described = await kubectl.ok(["describe", "service", "catalog", "-n", "shop"]);
  assert.match(described, /Port: +http +80\/TCP/);
  assert.match(described, /Warning +EndpointsKept .* tester +two stay/);
  assert.match(await kubectl.ok(["events", "-n", "shop"]), /EndpointsKept/);
  assert.match(await kubectl.ok(["get", "events", "-n", "shop"]), /EndpointsKept/);
  const route = await kubectl.ok(["describe", "httproute", "catalog", "-n", "shop"]);
  assert.match(route, /Backend Refs:/);
  const explained = await kubectl.ok(["explain", "httproute.spec.rules.backendRefs"]);
  assert.match(explained, /weight\s+<integer>/);
  assert.equal((await kubectl.ok(["auth", "can-i", "create", "services"])).trim(), "yes");
  assert.match(await kubectl.ok(["auth", "can-i", "--list"]), /\*\.\*/);
  assert.match(await kubectl.ok(["auth", "whoami"]), /weft-admin/);
}

const readyStatus = {
  status: {
    conditions: [
      {
        type: "Ready",
        status: "True",
        reason: "Passed",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ],
  },
};

async function deletePart(kubectl: Kubectl): Promise<void> {
  const workload = ["workload/catalog-kvtqz", "-n", "shop"];
  const waiting = kubectl.start(["wait", "--for=condition=Ready", ...workload, "--timeout=30s"]);
  const patch = ["patch", ...workload, "--subresource=status", "--type=merge", "-p"];
  await kubectl.ok([...patch, JSON.stringify(readyStatus)]);
  await waiting.printed(/condition met/);
  const weight = "--for=jsonpath={.spec.weight}=100";
  await kubectl.ok(["wait", weight, ...workload, "--timeout=10s"]);
  const gone = kubectl.start(["wait", "--for=delete", ...workload, "--timeout=30s"]);
  await kubectl.ok(["delete", ...workload]);
  assert.equal((await gone.ended()).code, 0, gone.output());
  await kubectl.ok(["delete", "configmaps", "--all", "-n", "shop"]);
  assert.match(await kubectl.ok(["get", "configmaps", "-n", "shop"]), /No resources found/);
  const lasting = await kubectl.fails(["delete", "namespace", "default"]);
  assert.match(lasting, /this namespace may not be deleted/);
  const all = await kubectl.ok(["delete", "--ignore-not-found", ...stdin], { input: shop(50) });
  assert.match(all, /namespace "shop" deleted/);
  await eventually("nothing of the namespace is left", async () => {
    const left = await kubectl.ok(["get", "svc,httproutes,workloads,cm,events", "-A"]);
    return /No resources found/.test(left) ? true : null;
  });
}
