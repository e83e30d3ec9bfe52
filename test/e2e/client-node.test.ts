// @kubernetes/client-node against a running `weft up`: typed and generic clients, list and watch,
// informers.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import {
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  Watch,
} from "@kubernetes/client-node";
import { Mesh } from "../harness/mesh.ts";
import { eventually } from "../harness/processes.ts";

function configOf(server: string): KubeConfig {
  const config = new KubeConfig();
  // Without TLS there is nothing to verify, and the client wants that said.
  config.loadFromClusterAndUser({ name: "weft", server, skipTLSVerify: true }, { name: "weft" });
  return config;
}

const namespace = "default";

test("@kubernetes/client-node", { timeout: 60_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  const config = configOf(mesh.server);
  await context.test("typed: create, read, list, patch, replace with conflict, delete", () =>
    typedPart(config.makeApiClient(CoreV1Api)),
  );
  await context.test("generic: routes and our own kinds", () =>
    genericPart(config.makeApiClient(CustomObjectsApi), KubernetesObjectApi.makeApiClient(config)),
  );
  await context.test("watch and informer", (t) =>
    watchPart(t, config, config.makeApiClient(CoreV1Api)),
  );
});

async function typedPart(core: CoreV1Api): Promise<void> {
  const metadata = { name: "web" };
  const body = { metadata, spec: { ports: [{ port: 80, name: "http" }] } };
  const made = await core.createNamespacedService({ namespace, body });
  assert.equal(made.spec?.ports?.[0]?.protocol, "TCP");
  assert.ok(made.metadata?.creationTimestamp instanceof Date);
  await assert.rejects(core.createNamespacedService({ namespace, body }), { code: 409 });
  const list = await core.listServiceForAllNamespaces();
  assert.deepEqual(
    list.items.map((item) => item.metadata?.name),
    ["web"],
  );
  const patched = await core.patchNamespacedService(
    { name: "web", namespace, body: { spec: { ports: [{ port: 81, name: "alt" }] } } },
    setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch),
  );
  assert.equal(patched.spec?.ports?.length, 2);
  await assert.rejects(core.replaceNamespacedService({ name: "web", namespace, body: made }), {
    code: 409,
  });
  const bad = { metadata: { name: "bad" }, spec: { ports: [{ port: 0 }] } };
  await assert.rejects(core.createNamespacedService({ namespace, body: bad }), { code: 422 });
  await core.deleteNamespacedService({ name: "web", namespace });
  await assert.rejects(core.readNamespacedService({ name: "web", namespace }), { code: 404 });
}

async function genericPart(custom: CustomObjectsApi, objects: KubernetesObjectApi): Promise<void> {
  const place = {
    group: "gateway.networking.k8s.io",
    version: "v1",
    namespace,
    plural: "httproutes",
  };
  const parentRefs = [{ group: "", kind: "Service", name: "web" }];
  await custom.createNamespacedCustomObject({
    ...place,
    body: {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "web" },
      spec: { parentRefs, rules: [{ backendRefs: [{ name: "web", port: 80 }] }] },
    },
  });
  const list = (await custom.listNamespacedCustomObject(place)) as { items: unknown[] };
  assert.equal(list.items.length, 1);
  const metadata = { name: "web-1", namespace };
  const workload = {
    apiVersion: "weft.dev/v1alpha1",
    kind: "Workload",
    metadata,
    spec: { serviceAccount: "web", address: "127.0.0.1", ports: [{ name: "http", port: 8080 }] },
  };
  const made = await objects.create(workload);
  assert.equal((made as typeof workload & { spec: { weight: number } }).spec.weight, 100);
  const read = await objects.read({ ...workload, metadata });
  assert.equal(read.metadata?.name, "web-1");
  await objects.delete(workload);
}

async function watchPart(t: TestContext, config: KubeConfig, core: CoreV1Api): Promise<void> {
  const heard: string[] = [];
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const controller = await new Watch(config).watch(
    path,
    { allowWatchBookmarks: true },
    (phase: string, object: V1ConfigMap) => heard.push(`${phase} ${object.metadata?.name}`),
    () => {},
  );
  t.after(() => controller.abort());
  const listFn = () => core.listNamespacedConfigMap({ namespace });
  const informer = makeInformer<V1ConfigMap>(config, path, listFn);
  const known: string[] = [];
  informer.on("add", (object) => known.push(`add ${object.metadata?.name}`));
  informer.on("update", (object) => known.push(`update ${object.metadata?.name}`));
  informer.on("delete", (object) => known.push(`delete ${object.metadata?.name}`));
  await informer.start();
  t.after(() => informer.stop());
  const body: V1ConfigMap = { metadata: { name: "a" }, data: { x: "1" } };
  await core.createNamespacedConfigMap({ namespace, body });
  await core.replaceNamespacedConfigMap({ name: "a", namespace, body: { ...body, data: {} } });
  await core.deleteNamespacedConfigMap({ name: "a", namespace });
  const expected = ["add a", "update a", "delete a"];
  await eventually("both heard everything", () =>
    heard.length >= 3 && known.length >= 3 ? true : null,
  );
  assert.deepEqual(heard, ["ADDED a", "MODIFIED a", "DELETED a"]);
  assert.deepEqual(known, expected);
}
