// The object API from request to response: what is stored, what is refused and with which words.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ApiFixture, openApiFixture } from "./api-fixture.ts";

const services = "/api/v1/namespaces/default/services";
const workloads = "/apis/weft.dev/v1alpha1/namespaces/default/workloads";
const configMaps = "/api/v1/namespaces/default/configmaps";

const service = (name: string, spec: object = {}): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});

const workload = (name: string): object => ({
  metadata: { name, labels: { "weft.dev/service": "web" } },
  spec: { serviceAccount: "web", address: "127.0.0.1", ports: [{ name: "http", port: 8080 }] },
});

const configMap = (name: string, data: object = {}): object => ({ metadata: { name }, data });

async function make(api: ApiFixture, url: string, ...bodies: object[]): Promise<void> {
  for (const body of bodies) {
    const made = await api.call("POST", url, { body });
    assert.equal(made.status, 201, JSON.stringify(made.body));
  }
}

describe("create", () => {
  it("gives identity, defaults and owners, and answers 201", async () => {
    const api = await openApiFixture();
    const made = await api.call("POST", `${workloads}?fieldManager=me`, { body: workload("w") });
    assert.equal(made.status, 201);
    const { metadata, spec } = made.body;
    assert.match(
      metadata.uid,
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    assert.equal(metadata.creationTimestamp, "2026-01-01T00:00:00Z");
    assert.equal(metadata.generation, 1);
    assert.equal(metadata.namespace, "default");
    assert.equal(metadata.resourceVersion, String(api.store.revision()));
    assert.equal(metadata.managedFields[0].manager, "me");
    assert.equal(spec.weight, 100);
    assert.deepEqual(await api.call("GET", `${workloads}/w`).then((got) => got.body), made.body);
  });

  it("makes up names from generateName", async () => {
    const api = await openApiFixture();
    const body = { metadata: { generateName: "web-" }, data: {} };
    const one = await api.call("POST", configMaps, { body });
    const two = await api.call("POST", configMaps, { body });
    assert.match(one.body.metadata.name, /^web-[a-z0-9]{5}$/);
    assert.notEqual(one.body.metadata.name, two.body.metadata.name);
  });

  it("refuses a second one, a missing namespace, a foreign namespace and a set revision", async () => {
    const api = await openApiFixture();
    await make(api, services, service("web"));
    const again = await api.call("POST", services, { body: service("web") });
    assert.equal(again.status, 409);
    assert.equal(again.body.reason, "AlreadyExists");
    assert.equal(again.body.message, 'services "web" already exists');
    const nowhere = await api.call("POST", "/api/v1/namespaces/nowhere/services", {
      body: service("web"),
    });
    assert.equal(nowhere.status, 404);
    assert.equal(nowhere.body.message, 'namespaces "nowhere" not found');
    const foreign = { ...service("x"), metadata: { name: "x", namespace: "other" } };
    assert.equal((await api.call("POST", services, { body: foreign })).status, 400);
    const stale = { ...service("x"), metadata: { name: "x", resourceVersion: "1" } };
    assert.equal((await api.call("POST", services, { body: stale })).status, 400);
  });

  it("reports every wrong field by path with 422", async () => {
    const api = await openApiFixture();
    const body = service("Web", { ports: [{ port: 0 }, { port: 81, protocol: "ICMP" }] });
    const refused = await api.call("POST", services, { body });
    assert.equal(refused.status, 422);
    assert.equal(refused.body.reason, "Invalid");
    const fields = refused.body.details.causes.map((cause: { field: string }) => cause.field);
    assert.ok(fields.includes("metadata.name"), fields.join());
    assert.ok(fields.includes("spec.ports[0].port"), fields.join());
    assert.ok(fields.includes("spec.ports[1].protocol"), fields.join());
    assert.match(refused.body.message, /^Service "Web" is invalid: \[/);
  });

  it("with dryRun=All answers as if and stores nothing", async () => {
    const api = await openApiFixture();
    const before = api.store.revision();
    const made = await api.call("POST", `${services}?dryRun=All`, { body: service("web") });
    assert.equal(made.status, 201);
    assert.equal(api.store.revision(), before);
    assert.equal((await api.call("GET", `${services}/web`)).status, 404);
    await make(api, services, service("web"));
    const again = await api.call("POST", `${services}?dryRun=All`, { body: service("web") });
    assert.equal(again.status, 409);
    const odd = await api.call("POST", `${services}?dryRun=Some`, { body: service("x") });
    assert.equal(odd.status, 422);
  });

  it("treats unknown fields as fieldValidation asks", async () => {
    const api = await openApiFixture();
    const body = service("web", { bogus: 1 });
    const strict = await api.call("POST", `${services}?fieldValidation=Strict`, { body });
    assert.equal(strict.status, 400);
    assert.match(strict.body.message, /strict decoding error: unknown field "spec.bogus"/);
    const warned = await api.call("POST", services, { body });
    assert.equal(warned.status, 201);
    assert.deepEqual(warned.headers["warning"], ['299 - "unknown field \\"spec.bogus\\""']);
    assert.equal(warned.body.spec.bogus, undefined);
    const url = `${services}?fieldValidation=Ignore`;
    const ignored = await api.call("POST", url, { body: service("other", { bogus: 1 }) });
    assert.equal(ignored.headers["warning"], undefined);
    const twice = await api.call("POST", `${services}?fieldValidation=Strict`, {
      body: '{"metadata":{"name":"x"},"spec":{"type":"ClusterIP","type":"NodePort"}}',
    });
    assert.match(twice.body.message, /duplicate field "spec.type"/);
  });

  it("takes YAML", async () => {
    const api = await openApiFixture();
    const body = "metadata: {name: y}\ndata: {a: b}\n";
    const made = await api.call("POST", configMaps, { body, type: "application/yaml" });
    assert.equal(made.status, 201);
    assert.deepEqual(made.body.data, { a: "b" });
  });

  it("answers 503 while the store is read-only, and reads go on", async () => {
    const api = await openApiFixture();
    await make(api, configMaps, configMap("a"));
    api.store.setReadOnly("the disk is full");
    const refused = await api.call("POST", configMaps, { body: configMap("b") });
    assert.equal(refused.status, 503);
    assert.equal(refused.body.message, "the disk is full");
    assert.equal(refused.headers["retry-after"], "2");
    assert.equal((await api.call("DELETE", `${configMaps}/a`)).status, 503);
    assert.equal((await api.call("GET", `${configMaps}/a`)).status, 200);
  });
});

describe("update", () => {
  it("needs the stored resourceVersion if it names one", async () => {
    const api = await openApiFixture();
    await make(api, configMaps, configMap("a", { x: "1" }));
    const read = await api.call("GET", `${configMaps}/a`);
    const body = { ...read.body, data: { x: "2" } };
    assert.equal((await api.call("PUT", `${configMaps}/a`, { body })).status, 200);
    const late = await api.call("PUT", `${configMaps}/a`, { body });
    assert.equal(late.status, 409);
    assert.match(late.body.message, /^Operation cannot be fulfilled on configmaps "a": the object/);
    const blind = await api.call("PUT", `${configMaps}/a`, { body: configMap("a", { x: "3" }) });
    assert.equal(blind.status, 200);
    const missing = await api.call("PUT", `${configMaps}/b`, { body: configMap("b") });
    assert.equal(missing.status, 404);
    const other = await api.call("PUT", `${configMaps}/a`, { body: configMap("b") });
    assert.equal(other.status, 400);
    const stranger = { ...configMap("a"), metadata: { name: "a", uid: "not-this-one" } };
    assert.equal((await api.call("PUT", `${configMaps}/a`, { body: stranger })).status, 409);
  });

  it("that changes nothing writes nothing", async () => {
    const api = await openApiFixture();
    await make(api, services, service("web"));
    const { body } = await api.call("GET", `${services}/web`);
    const before = api.store.revision();
    const same = await api.call("PUT", `${services}/web`, { body });
    assert.equal(same.body.metadata.resourceVersion, body.metadata.resourceVersion);
    assert.equal(api.store.revision(), before);
  });

  it("counts generations of spec, and keeps status to its subresource", async () => {
    const api = await openApiFixture();
    await make(api, workloads, workload("w"));
    const { body } = await api.call("GET", `${workloads}/w`);
    const status = { conditions: [condition("Ready")] };
    const url = `${workloads}/w`;
    const main = await api.call("PUT", url, { body: { ...body, status } });
    assert.equal(main.body.status, undefined);
    const through = await api.call("PUT", `${url}/status`, {
      body: { ...main.body, spec: { ...body.spec, weight: 5 }, status },
    });
    assert.equal(through.status, 200);
    assert.equal(through.body.status.conditions[0].type, "Ready");
    assert.equal(through.body.spec.weight, 100);
    assert.equal(through.body.metadata.generation, 1);
    const spec = { ...through.body.spec, weight: 7 };
    const changed = await api.call("PUT", url, { body: { ...through.body, spec, status: {} } });
    assert.equal(changed.body.metadata.generation, 2);
    assert.equal(changed.body.status.conditions[0].type, "Ready");
    const labelled = await api.call("PATCH", url, {
      body: { metadata: { labels: { a: "b" } } },
      type: "application/merge-patch+json",
    });
    assert.equal(labelled.body.metadata.generation, 2);
  });
});

const condition = (type: string): object => ({
  type,
  status: "True",
  reason: "Ok",
  message: "",
  lastTransitionTime: "2026-01-01T00:00:00Z",
});

describe("patch", () => {
  it("comes in four types; strategic only for core kinds", async () => {
    const api = await openApiFixture();
    await make(api, services, service("web"));
    await make(api, workloads, workload("w"));
    const strategic = await api.call("PATCH", `${services}/web`, {
      body: {
        spec: {
          ports: [
            { port: 81, name: "b" },
            { port: 80, name: "a" },
          ],
        },
      },
      type: "application/strategic-merge-patch+json",
    });
    assert.deepEqual(
      strategic.body.spec.ports.map((port: { port: number }) => port.port),
      [80, 81],
    );
    const refused = await api.call("PATCH", `${workloads}/w`, {
      body: {},
      type: "application/strategic-merge-patch+json",
    });
    assert.equal(refused.status, 415);
    const merged = await api.call("PATCH", `${workloads}/w`, {
      body: { spec: { weight: 3 } },
      type: "application/merge-patch+json",
    });
    assert.equal(merged.body.spec.weight, 3);
    const patched = await api.call("PATCH", `${workloads}/w`, {
      body: [{ op: "replace", path: "/spec/weight", value: 4 }],
      type: "application/json-patch+json",
    });
    assert.equal(patched.body.spec.weight, 4);
    const unknown = await api.call("PATCH", `${workloads}/w`, { body: {}, type: "text/x" });
    assert.equal(unknown.status, 415);
    const missing = await api.call("PATCH", `${workloads}/none`, {
      body: {},
      type: "application/merge-patch+json",
    });
    assert.equal(missing.status, 404);
  });

  it("with a resourceVersion that is not the stored one is a conflict", async () => {
    const api = await openApiFixture();
    await make(api, configMaps, configMap("a"));
    const refused = await api.call("PATCH", `${configMaps}/a`, {
      body: { metadata: { resourceVersion: "1" }, data: { x: "y" } },
      type: "application/merge-patch+json",
    });
    assert.equal(refused.status, 409);
  });

  it("cannot rename, and an invalid result is not stored", async () => {
    const api = await openApiFixture();
    await make(api, services, service("web"));
    const type = "application/merge-patch+json";
    const renamed = await api.call("PATCH", `${services}/web`, {
      body: { metadata: { name: "other" } },
      type,
    });
    assert.equal(renamed.status, 400);
    const invalid = await api.call("PATCH", `${services}/web`, {
      body: { spec: { ports: [{ port: 99999 }] } },
      type,
    });
    assert.equal(invalid.status, 422);
    const { body } = await api.call("GET", `${services}/web`);
    assert.equal(body.spec.ports[0].port, 80);
  });

  it("applies: creates with 201, conflicts with 409, forces, in the version asked for", async () => {
    const api = await openApiFixture();
    const type = "application/apply-patch+yaml";
    const apply = (manager: string, data: object, more = "") =>
      api.call("PATCH", `${configMaps}/a?fieldManager=${manager}${more}`, {
        body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data },
        type,
      });
    assert.equal((await apply("one", { x: "1" })).status, 201);
    const same = await apply("one", { x: "1" });
    assert.equal(same.status, 200);
    const refused = await apply("two", { x: "2" });
    assert.equal(refused.status, 409);
    assert.equal(
      refused.body.message,
      'Apply failed with 1 conflict: conflict with "one": .data.x',
    );
    const forced = await apply("two", { x: "2" }, "&force=true");
    assert.deepEqual(forced.body.data, { x: "2" });
    const given = await apply("two", {});
    assert.equal(given.body.data?.x, undefined);
    const nobody = await api.call("PATCH", `${configMaps}/a`, {
      body: { metadata: { name: "a" } },
      type,
    });
    assert.equal(nobody.status, 422);
    assert.match(nobody.body.message, /fieldManager: Required value: is required for apply patch/);
  });

  it("applies to a status without touching the rest", async () => {
    const api = await openApiFixture();
    await make(api, workloads, workload("w"));
    const status = { conditions: [condition("Ready")] };
    const applied = await api.call("PATCH", `${workloads}/w/status?fieldManager=prober`, {
      body: { metadata: { name: "w" }, spec: { weight: 1 }, status },
      type: "application/apply-patch+yaml",
    });
    assert.equal(applied.status, 200, JSON.stringify(applied.body));
    assert.equal(applied.body.status.conditions[0].type, "Ready");
    assert.equal(applied.body.spec.weight, 100);
    const entry = applied.body.metadata.managedFields.find(
      (one: { manager: string }) => one.manager === "prober",
    );
    assert.equal(entry.subresource, "status");
    assert.deepEqual(Object.keys(entry.fieldsV1), ["f:status"]);
  });
});

describe("delete", () => {
  it("answers with the uid, minds preconditions, refuses what is not there", async () => {
    const api = await openApiFixture();
    await make(api, configMaps, configMap("a"));
    const { body } = await api.call("GET", `${configMaps}/a`);
    const wrong = await api.call("DELETE", `${configMaps}/a`, {
      body: { kind: "DeleteOptions", preconditions: { uid: "another" } },
    });
    assert.equal(wrong.status, 409);
    const dry = await api.call("DELETE", `${configMaps}/a?dryRun=All`);
    assert.equal(dry.status, 200);
    const gone = await api.call("DELETE", `${configMaps}/a`, {
      body: { propagationPolicy: "Background", preconditions: { uid: body.metadata.uid } },
    });
    assert.equal(gone.status, 200);
    assert.equal(gone.body.status, "Success");
    assert.equal(gone.body.details.uid, body.metadata.uid);
    assert.equal((await api.call("DELETE", `${configMaps}/a`)).status, 404);
    const policy = await api.call("DELETE", `${configMaps}/a?propagationPolicy=Sometimes`);
    assert.equal(policy.status, 422);
  });

  it("waits for finalizers", async () => {
    const api = await openApiFixture();
    const body = { metadata: { name: "a", finalizers: ["weft.dev/wait"] } };
    await make(api, configMaps, body);
    const marked = await api.call("DELETE", `${configMaps}/a`);
    assert.equal(marked.body.metadata.deletionTimestamp, "2026-01-01T00:00:00Z");
    assert.equal((await api.call("GET", `${configMaps}/a`)).status, 200);
    const released = await api.call("PATCH", `${configMaps}/a`, {
      body: { metadata: { finalizers: null } },
      type: "application/merge-patch+json",
    });
    assert.equal(released.status, 200);
    assert.equal((await api.call("GET", `${configMaps}/a`)).status, 404);
  });

  it("of a collection takes what is selected", async () => {
    const api = await openApiFixture();
    const labelled = { metadata: { name: "b", labels: { x: "y" } } };
    await make(api, configMaps, configMap("a"), labelled, configMap("c"));
    const gone = await api.call("DELETE", `${configMaps}?labelSelector=x=y`);
    assert.equal(gone.body.items.length, 1);
    const left = await api.call("GET", configMaps);
    assert.deepEqual(names(left.body.items), ["a", "c"]);
  });

  it("of a namespace takes its content, then the namespace; two namespaces stay", async () => {
    const api = await openApiFixture();
    await make(api, "/api/v1/namespaces", { metadata: { name: "shop" } });
    await make(api, "/api/v1/namespaces/shop/configmaps", configMap("a"), configMap("b"));
    const held = { metadata: { name: "held", finalizers: ["weft.dev/wait"] } };
    await make(api, "/api/v1/namespaces/shop/configmaps", held);
    const marked = await api.call("DELETE", "/api/v1/namespaces/shop");
    assert.equal(marked.body.status.phase, "Terminating");
    const late = await api.call("POST", "/api/v1/namespaces/shop/configmaps", {
      body: configMap("late"),
    });
    assert.equal(late.status, 403);
    await api.clock.advanceAsync(3000);
    const left = await api.call("GET", "/api/v1/namespaces/shop/configmaps");
    assert.deepEqual(names(left.body.items), ["held"]);
    assert.equal((await api.call("GET", "/api/v1/namespaces/shop")).status, 200);
    await api.call("PATCH", "/api/v1/namespaces/shop/configmaps/held", {
      body: { metadata: { finalizers: [] } },
      type: "application/merge-patch+json",
    });
    await api.clock.advanceAsync(3000);
    assert.equal((await api.call("GET", "/api/v1/namespaces/shop")).status, 404);
    for (const name of ["default", "weft-system"]) {
      assert.equal((await api.call("DELETE", `/api/v1/namespaces/${name}`)).status, 403);
    }
  });
});

const names = (items: readonly { metadata: { name: string } }[]): string[] =>
  items.map((item) => item.metadata.name);

describe("list", () => {
  it("pages at one revision, and a token too old is 410", async () => {
    const api = await openApiFixture({ eventsMax: 8, bytesMax: 1 << 20 });
    await make(api, configMaps, ...["a", "b", "c", "d", "e"].map((name) => configMap(name)));
    const first = await api.call("GET", `${configMaps}?limit=2`);
    assert.deepEqual(names(first.body.items), ["a", "b"]);
    assert.equal(first.body.metadata.remainingItemCount, 3);
    await api.call("DELETE", `${configMaps}/c`);
    const token = first.body.metadata.continue;
    const second = await api.call("GET", `${configMaps}?limit=2&continue=${token}`);
    assert.deepEqual(names(second.body.items), ["c", "d"]);
    assert.equal(second.body.metadata.resourceVersion, first.body.metadata.resourceVersion);
    const more = second.body.metadata.continue;
    const third = await api.call("GET", `${configMaps}?limit=2&continue=${more}`);
    assert.deepEqual(names(third.body.items), ["e"]);
    assert.equal(third.body.metadata.continue, undefined);
    for (let i = 0; i < 10; i++) await make(api, configMaps, configMap(`n${i}`));
    const late = await api.call("GET", `${configMaps}?limit=2&continue=${token}`);
    assert.equal(late.status, 410);
    assert.equal(late.body.reason, "Expired");
    assert.equal((await api.call("GET", `${configMaps}?continue=rubbish`)).status, 400);
    const foreign = await api.call("GET", `${services}?continue=${token}`);
    assert.equal(foreign.status, 400);
  });

  it("selects by label and field, over all namespaces, in pages", async () => {
    const api = await openApiFixture();
    await make(api, "/api/v1/namespaces", { metadata: { name: "shop" } });
    const labelled = (name: string): object => ({ metadata: { name, labels: { x: "y" } } });
    await make(api, configMaps, configMap("a"), labelled("b"), labelled("c"), labelled("d"));
    await make(api, "/api/v1/namespaces/shop/configmaps", labelled("e"));
    const all = await api.call("GET", "/api/v1/configmaps?labelSelector=x%3Dy");
    assert.deepEqual(names(all.body.items), ["b", "c", "d", "e"]);
    const page = await api.call("GET", "/api/v1/configmaps?labelSelector=x%3Dy&limit=2");
    assert.deepEqual(names(page.body.items), ["b", "c"]);
    assert.equal(page.body.metadata.remainingItemCount, undefined);
    const rest = await api.call(
      "GET",
      `/api/v1/configmaps?labelSelector=x%3Dy&limit=2&continue=${page.body.metadata.continue}`,
    );
    assert.deepEqual(names(rest.body.items), ["d", "e"]);
    const one = await api.call("GET", `${configMaps}?fieldSelector=metadata.name%3Dc`);
    assert.deepEqual(names(one.body.items), ["c"]);
    const wide = await api.call("GET", "/api/v1/configmaps?fieldSelector=metadata.name%3De");
    assert.deepEqual(names(wide.body.items), ["e"]);
    const unknown = await api.call("GET", `${configMaps}?fieldSelector=data.x%3D1`);
    assert.equal(unknown.status, 400);
  });

  it("reads the revision it is asked for", async () => {
    const api = await openApiFixture();
    await make(api, configMaps, configMap("a"));
    const then = api.store.revision();
    await make(api, configMaps, configMap("b"));
    const exact = `${configMaps}?resourceVersion=${then}&resourceVersionMatch=Exact`;
    assert.deepEqual(names((await api.call("GET", exact)).body.items), ["a"]);
    const newer = `${configMaps}?resourceVersion=${then}`;
    assert.deepEqual(names((await api.call("GET", newer)).body.items), ["a", "b"]);
    const future = await api.call("GET", `${configMaps}?resourceVersion=99999`);
    assert.equal(future.status, 504);
    assert.equal(future.body.details.causes[0].reason, "ResourceVersionTooLarge");
    assert.equal((await api.call("GET", `${configMaps}?resourceVersion=x`)).status, 400);
  });

  it("comes as a Table with the columns of its kind, or as metadata", async () => {
    const api = await openApiFixture();
    await make(api, services, service("web"));
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const headers = { accept };
    const table = await api.call("GET", services, { headers });
    assert.equal(table.body.kind, "Table");
    assert.equal(table.body.apiVersion, "meta.k8s.io/v1");
    const columns = table.body.columnDefinitions.map((column: { name: string }) => column.name);
    assert.equal(columns[0], "Name");
    assert.equal(table.body.rows[0].cells[0], "web");
    assert.equal(table.body.rows[0].cells.length, columns.length);
    assert.equal(table.body.rows[0].object.kind, "PartialObjectMetadata");
    const none = await api.call("GET", `${services}?includeObject=None`, { headers });
    assert.equal(none.body.rows[0].object, null);
    const whole = await api.call("GET", `${services}?includeObject=Object`, { headers });
    assert.equal(whole.body.rows[0].object.spec.ports[0].port, 80);
    const partial = await api.call("GET", services, {
      headers: { accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" },
    });
    assert.equal(partial.body.kind, "PartialObjectMetadataList");
    assert.equal(partial.body.items[0].spec, undefined);
    const refused = await api.call("GET", services, { headers: { accept: "text/html" } });
    assert.equal(refused.status, 406);
  });
});

describe("paths and methods", () => {
  it("that are not served say so", async () => {
    const api = await openApiFixture();
    const expect = async (status: number, method: string, url: string): Promise<void> => {
      const answer = await api.call(method, url, method === "GET" ? {} : { body: {} });
      assert.equal(answer.status, status, `${method} ${url}`);
      assert.equal(answer.body.kind, "Status");
      assert.equal(answer.body.code, status);
    };
    await expect(404, "GET", "/api/v1/pods");
    await expect(404, "GET", "/nothing");
    await expect(404, "GET", "/api/v1/services/web");
    await expect(404, "GET", "/apis/weft.dev/v9/workloads");
    await expect(404, "GET", `${configMaps}/a/status`);
    await expect(404, "GET", "/api/v1/namespaces/default/namespaces");
    await expect(405, "POST", "/api/v1/services");
    await expect(405, "PUT", services);
    await expect(405, "DELETE", `${workloads}/a/status`);
    await expect(404, "GET", `${services}/none`);
  });

  it("of health, version, discovery and access answer", async () => {
    const api = await openApiFixture();
    assert.equal((await api.call("GET", "/healthz")).body, "ok\n");
    assert.equal((await api.call("GET", "/readyz")).status, 200);
    assert.equal((await api.call("GET", "/version")).body.major, "1");
    assert.equal((await api.call("GET", "/apis")).body.kind, "APIGroupList");
    assert.equal((await api.call("HEAD", "/healthz")).body, "");
    const document = await api.call("GET", "/openapi/v3");
    const etag = String(document.headers["etag"]);
    const again = await api.call("GET", "/openapi/v3", { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
    const review = await api.call(
      "POST",
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      {
        body: { spec: { resourceAttributes: { verb: "get", resource: "services" } } },
      },
    );
    assert.equal(review.status, 201);
    assert.equal(review.body.status.allowed, true);
    const who = await api.call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {
      body: {},
    });
    assert.equal(who.body.status.userInfo.username, "tester");
  });
});
