// Server-side apply as its users rely on it: ownership, conflicts, giving up fields.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ApiObject, kinds, type KindInfo } from "@weft/api";
import { StatusError } from "../status.ts";
import { applyObject } from "./apply.ts";
import { showPath } from "./field-set.ts";
import { decodeOwnerships, trackUpdate, type Writer } from "./managed-fields.ts";

const service = kinds.Service as KindInfo;
const workload = kinds.Workload as KindInfo;

function writer(manager: string, operation: Writer["operation"] = "Apply", second = 0): Writer {
  const time = `2026-01-01T00:00:0${second}Z`;
  return { manager, operation, apiVersion: "v1", subresource: "", time };
}

function serviceOf(spec: object, metadata: object = {}): ApiObject {
  return { apiVersion: "v1", kind: "Service", metadata: { name: "web", ...metadata }, spec };
}

/** As the server does it: apply, then keep the record in the object. */
function apply(
  standing: ApiObject | null,
  wanted: ApiObject,
  who: Writer,
  force = false,
): ApiObject {
  const applied = applyObject(service, standing, wanted, who, force);
  const metadata = { ...applied.object.metadata, managedFields: applied.managedFields };
  return { ...applied.object, metadata };
}

function owned(object: ApiObject, manager: string): string[] {
  return decodeOwnerships(object.metadata.managedFields)
    .filter((one) => one.manager === manager)
    .flatMap((one) => one.set.paths().map(showPath))
    .toSorted();
}

const ports = (object: ApiObject): unknown => (object.spec as { ports?: unknown }).ports;

describe("server-side apply", () => {
  it("owns exactly what was applied, items of keyed lists by their keys", () => {
    const made = apply(
      null,
      serviceOf({ ports: [{ port: 80, name: "http" }] }, { labels: { a: "1" } }),
      writer("one"),
    );
    assert.deepEqual(owned(made, "one"), [
      ".metadata.labels.a",
      '.spec.ports[port=80,protocol="TCP"]',
      '.spec.ports[port=80,protocol="TCP"].name',
      '.spec.ports[port=80,protocol="TCP"].port',
    ]);
  });

  it("merges items of two managers and lets each take back only its own", () => {
    let object = apply(null, serviceOf({ ports: [{ port: 80, name: "a" }] }), writer("one"));
    object = apply(object, serviceOf({ ports: [{ port: 81, name: "b" }] }), writer("two"));
    assert.deepEqual(ports(object), [
      { port: 80, name: "a" },
      { port: 81, name: "b" },
    ]);
    object = apply(object, serviceOf({ ports: [] }), writer("one"));
    assert.deepEqual(ports(object), [{ port: 81, name: "b" }]);
    assert.deepEqual(owned(object, "one"), []);
  });

  it("keeps the object's name when its manager gives up all other metadata", () => {
    let object = apply(
      null,
      serviceOf({ type: "ClusterIP" }, { labels: { a: "1" } }),
      writer("one"),
    );
    object = apply(object, serviceOf({ type: "ClusterIP" }), writer("one"));
    assert.equal(object.metadata.name, "web");
    assert.equal(object.metadata.labels, undefined);
  });

  it("takes back a whole item, also where others had changed fields of it", () => {
    let object = apply(null, serviceOf({ ports: [{ port: 80, name: "a" }] }), writer("one"));
    const next = { ...object, spec: { ports: [{ port: 80, name: "changed" }] } };
    object = update(object, next, writer("editor", "Update"));
    object = apply(object, serviceOf({ type: "ClusterIP" }), writer("one"));
    assert.deepEqual(object.spec, { ports: [], type: "ClusterIP" });
  });

  it("keeps the applied order, with others' items where they stood", () => {
    const withPorts = (...numbers: number[]): ApiObject =>
      serviceOf({ ports: numbers.map((port) => ({ port })) });
    let object = apply(null, withPorts(1, 2, 3, 4), writer("one"));
    object = apply(object, withPorts(4, 2, 9), writer("two"));
    const order = (ports(object) as { port: number }[]).map((port) => port.port);
    assert.deepEqual(order, [1, 3, 4, 2, 9]);
  });

  it("does not take what stood before anybody was recorded", () => {
    const unrecorded = serviceOf({ type: "NodePort" });
    assert.throws(
      () => apply(unrecorded, serviceOf({ type: "ClusterIP" }), writer("one")),
      /conflict with "before-first-apply" using v1: .spec.type/,
    );
  });

  it("refuses to change another manager's field, naming both", () => {
    const object = apply(null, serviceOf({ type: "ClusterIP" }), writer("one"));
    assert.throws(
      () => apply(object, serviceOf({ type: "NodePort" }), writer("two")),
      (error: unknown) => {
        assert.ok(error instanceof StatusError);
        assert.equal(error.code, 409);
        assert.equal(
          error.message,
          'Apply failed with 1 conflict: conflict with "one": .spec.type',
        );
        assert.deepEqual(error.status.details?.causes, [
          {
            reason: "FieldManagerConflict",
            message: 'conflict with "one"',
            field: ".spec.type",
          },
        ]);
        return true;
      },
    );
  });

  it("lists several conflicts by manager", () => {
    let object = apply(null, serviceOf({ type: "ClusterIP" }), writer("one"));
    object = apply(object, serviceOf({ sessionAffinity: "None" }), writer("two"));
    assert.throws(
      () =>
        apply(
          object,
          serviceOf({ type: "NodePort", sessionAffinity: "ClientIP" }),
          writer("three"),
        ),
      {
        message:
          'Apply failed with 2 conflicts: conflicts with "one":\n- .spec.type\n' +
          'conflicts with "two":\n- .spec.sessionAffinity',
      },
    );
  });

  it("shares a field that both want with the same value", () => {
    let object = apply(null, serviceOf({ type: "ClusterIP" }), writer("one"));
    object = apply(object, serviceOf({ type: "ClusterIP" }), writer("two"));
    assert.deepEqual(owned(object, "one"), [".spec.type"]);
    assert.deepEqual(owned(object, "two"), [".spec.type"]);
    object = apply(object, serviceOf({}), writer("one"));
    assert.deepEqual(object.spec, { type: "ClusterIP" });
    object = apply(object, serviceOf({}), writer("two"));
    assert.deepEqual(object.spec, {});
  });

  it("takes the field over when forced", () => {
    let object = apply(null, serviceOf({ type: "ClusterIP" }), writer("one"));
    object = apply(object, serviceOf({ type: "NodePort" }), writer("two"), true);
    assert.deepEqual(object.spec, { type: "NodePort" });
    assert.deepEqual(owned(object, "one"), []);
    assert.deepEqual(owned(object, "two"), [".spec.type"]);
  });

  it("removes labels it no longer wants, and nobody else's", () => {
    let object = apply(null, serviceOf({}, { labels: { a: "1", b: "2" } }), writer("one"));
    object = apply(object, serviceOf({}, { labels: { b: "2", c: "3" } }), writer("two"));
    object = apply(object, serviceOf({}, { labels: {} }), writer("one"));
    assert.deepEqual(object.metadata.labels, { b: "2", c: "3" });
  });

  it("gives up a whole structure once nothing in it is wanted", () => {
    const spec = (locality: object): ApiObject => ({
      apiVersion: "weft.dev/v1alpha1",
      kind: "Workload",
      metadata: { name: "w" },
      spec: { address: "127.0.0.1", ...locality },
    });
    const first = applyObject(
      workload,
      null,
      spec({ locality: { region: "eu" } }),
      writer("one"),
      false,
    );
    const standing = {
      ...first.object,
      metadata: { ...first.object.metadata, managedFields: first.managedFields },
    };
    const second = applyObject(workload, standing, spec({}), writer("one"), false);
    assert.deepEqual(second.object.spec, { address: "127.0.0.1" });
  });

  it("keeps values nobody owns, such as defaults", () => {
    let object = apply(null, serviceOf({ ports: [{ port: 80 }] }), writer("one"));
    object.spec = { ...(object.spec as object), sessionAffinity: "None" };
    object = apply(object, serviceOf({ ports: [{ port: 80 }] }), writer("one"));
    assert.deepEqual(object.spec, { ports: [{ port: 80 }], sessionAffinity: "None" });
  });

  it("keeps the time of an apply that changes nothing", () => {
    const object = apply(null, serviceOf({ type: "ClusterIP" }), writer("one", "Apply", 1));
    const again = apply(object, serviceOf({ type: "ClusterIP" }), writer("one", "Apply", 5));
    assert.deepEqual(again, object);
    const more = apply(object, serviceOf({ type: "NodePort" }), writer("one", "Apply", 5));
    assert.equal(more.metadata.managedFields?.[0]?.time, "2026-01-01T00:00:05Z");
  });
});

function update(standing: ApiObject | null, next: ApiObject, who: Writer): ApiObject {
  const managedFields = trackUpdate(service, standing, next, who);
  return { ...next, metadata: { ...next.metadata, managedFields } };
}

describe("managed fields of updates", () => {
  it("a create owns everything it gave but its identity", () => {
    const made = update(null, serviceOf({ type: "ClusterIP" }), writer("editor", "Update"));
    assert.deepEqual(owned(made, "editor"), [".spec", ".spec.type"]);
  });

  it("a change takes the field from whoever had it", () => {
    const made = apply(null, serviceOf({ type: "ClusterIP" }), writer("one"));
    const next = { ...made, spec: { type: "NodePort" } };
    const changed = update(made, next, writer("editor", "Update", 3));
    assert.deepEqual(owned(changed, "one"), []);
    assert.deepEqual(owned(changed, "editor"), [".spec.type"]);
    assert.throws(
      () => apply(changed, serviceOf({ type: "ClusterIP" }), writer("one")),
      /conflict with "editor" using v1: .spec.type/,
    );
  });

  it("a removed field belongs to nobody", () => {
    const made = apply(null, serviceOf({}, { labels: { a: "1" } }), writer("one"));
    const next = { ...made, metadata: { ...made.metadata, labels: {} } };
    const changed = update(made, next, writer("editor", "Update"));
    assert.deepEqual(owned(made, "one"), [".metadata.labels.a", ".spec"]);
    assert.deepEqual(owned(changed, "one"), [".spec"]);
  });

  it("an update that changes nothing leaves the record as it was", () => {
    const made = update(null, serviceOf({ type: "ClusterIP" }), writer("editor", "Update", 1));
    const again = update(made, made, writer("editor", "Update", 9));
    assert.deepEqual(again, made);
    const other = update(made, made, writer("stranger", "Update", 9));
    assert.deepEqual(other, made);
  });

  it("a caller may clear the record with one empty entry", () => {
    const made = apply(null, serviceOf({ type: "ClusterIP" }), writer("one"));
    const next = { ...made, metadata: { ...made.metadata, managedFields: [{}] } };
    const changed = update(made, next, writer("editor", "Update"));
    assert.deepEqual(changed.metadata.managedFields, []);
  });

  it("keeps at most ten updaters, folding the oldest", () => {
    let object = serviceOf({});
    for (let i = 0; i < 14; i++) {
      const labels = { ...object.metadata.labels, [`l${i}`]: "x" };
      const next = { ...object, metadata: { ...object.metadata, labels } };
      const who = { ...writer(`m${i}`, "Update"), time: `2026-01-01T00:00:${10 + i}Z` };
      object = update(i === 0 ? null : object, next, who);
    }
    assert.equal(object.metadata.managedFields?.length, 10);
    const old = owned(object, "ancient-changes");
    assert.ok(old.includes(".metadata.labels.l0") && old.includes(".metadata.labels.l4"));
    assert.deepEqual(owned(object, "m13"), [".metadata.labels.l13"]);
  });
});
