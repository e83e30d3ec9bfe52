import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  allKinds,
  apiVersionOf,
  findKind,
  findKindByPlural,
  findKindByWord,
  kinds,
  storedKinds,
} from "./kinds.ts";
import type { Schema } from "./schema.ts";

describe("the table of kinds", () => {
  it("has each kind under its own name, once", () => {
    for (const [name, info] of Object.entries(kinds)) assert.equal(info.kind, name);
    const plurals = allKinds.map((info) => `${info.plural}.${info.group}`);
    assert.equal(new Set(plurals).size, plurals.length);
    const words = storedKinds.flatMap((info) => [info.plural, info.singular, ...info.shortNames]);
    assert.equal(new Set(words).size, words.length);
  });

  it("finds a kind by path, by apiVersion, and by what people type", () => {
    assert.equal(findKindByPlural("", "v1", "services"), kinds.Service);
    assert.equal(findKindByPlural("", "v2", "services"), undefined);
    assert.equal(findKind("gateway.networking.k8s.io/v1beta1", "HTTPRoute"), kinds.HTTPRoute);
    assert.equal(findKind("gateway.networking.k8s.io/v1alpha2", "TCPRoute"), kinds.TCPRoute);
    assert.equal(findKind("gateway.networking.k8s.io/v1alpha3", "TLSRoute"), kinds.TLSRoute);
    assert.equal(findKind("v1", "HTTPRoute"), undefined);
    for (const word of ["svc", "Service", "services", "services."]) {
      assert.equal(findKindByWord(word), kinds.Service, word);
    }
    assert.equal(findKindByWord("httproutes.gateway.networking.k8s.io"), kinds.HTTPRoute);
    assert.equal(findKindByWord("pods"), undefined);
  });

  it("writes apiVersions", () => {
    assert.equal(apiVersionOf(kinds.Service), "v1");
    assert.equal(apiVersionOf(kinds.Workload), "weft.dev/v1alpha1");
    assert.equal(apiVersionOf(kinds.HTTPRoute, "v1beta1"), "gateway.networking.k8s.io/v1beta1");
  });

  it("describes every field of every kind", () => {
    for (const info of allKinds) {
      for (const path of undescribed(info.schema, info.kind)) assert.fail(`${path} says nothing`);
      assert.notEqual(info.description, "");
    }
  });

  it("has keys in every list of type map, and merge keys only in Kubernetes' own kinds", () => {
    for (const info of allKinds) {
      for (const [path, schema] of lists(info.schema, info.kind)) {
        const isMap = schema["x-kubernetes-list-type"] === "map";
        const keys = schema["x-kubernetes-list-map-keys"] ?? [];
        assert.equal(keys.length > 0, isMap, path);
        for (const key of keys) assert.ok(schema.items?.properties?.[key] !== undefined, path);
        const isMerged = schema["x-kubernetes-patch-strategy"] === "merge";
        assert.ok(!isMerged || info.isCore || path.includes(".metadata."), path);
      }
    }
  });

  it("takes objects that have no more than they must", () => {
    for (const info of storedKinds) {
      const object = {
        apiVersion: apiVersionOf(info),
        kind: info.kind,
        metadata: { name: "default", ...(info.namespaced ? { namespace: "default" } : {}) },
        ...least[info.kind],
      };
      info.defaults(object);
      assert.deepEqual(info.validate(object), [], info.kind);
    }
  });

  it("refuses another kind, version, name or namespace", () => {
    const object = { apiVersion: "v2", kind: "Thing", metadata: { name: "-a", namespace: "B" } };
    const refused = kinds.ServiceAccount.validate(object).map((error) => error.path);
    assert.deepEqual(refused, ["apiVersion", "kind", "metadata.name", "metadata.namespace"]);
    const nothing = kinds.MeshConfig.validate({ metadata: { name: "", namespace: "a" } });
    assert.deepEqual(
      nothing.map((error) => `${error.path}: ${error.reason}`),
      [
        "apiVersion: FieldValueRequired",
        "kind: FieldValueRequired",
        "spec: FieldValueRequired",
        "metadata.name: FieldValueRequired",
        "metadata.namespace: FieldValueForbidden",
      ],
    );
    for (const value of [null, 1, "x", []]) {
      assert.equal(kinds.Service.validate(value)[0]?.reason, "FieldValueTypeInvalid");
    }
  });

  it("keeps names, namespaces and UIDs", () => {
    const make = (name: string, uid: string): never => {
      return {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name, namespace: "a", uid },
      } as never;
    };
    const errors = kinds.ServiceAccount.validateUpdate(make("b", "2"), make("a", "1"));
    assert.deepEqual(
      errors.map((error) => error.path),
      ["metadata.name", "metadata.uid"],
    );
    assert.deepEqual(kinds.ServiceAccount.validateUpdate(make("a", "1"), make("a", "1")), []);
  });
});

const gatewaySpec = {
  gatewayClassName: "weft",
  listeners: [{ name: "http", port: 80, protocol: "HTTP" }],
};

const least: Readonly<Record<string, object>> = {
  Service: { spec: { ports: [{ port: 80 }] } },
  EndpointSlice: { addressType: "IPv4", endpoints: [] },
  Event: { involvedObject: { namespace: "default" } },
  Workload: { spec: { address: "127.0.0.1" } },
  TrafficPolicy: { spec: { targetRefs: [{ group: "", kind: "Service", name: "a" }] } },
  PeerAuthentication: { spec: { mtls: { mode: "Strict" } } },
  MeshConfig: { spec: {} },
  GatewayClass: { spec: { controllerName: "weft.dev/control-plane" } },
  Gateway: { spec: gatewaySpec },
  HTTPRoute: { spec: {} },
  GRPCRoute: { spec: {} },
  TCPRoute: { spec: { rules: [{ backendRefs: [{ name: "a", port: 80 }] }] } },
  TLSRoute: {
    spec: { hostnames: ["a.b"], rules: [{ backendRefs: [{ name: "a", port: 80 }] }] },
  },
  ReferenceGrant: {
    spec: {
      from: [{ group: "", kind: "Service", namespace: "a" }],
      to: [{ group: "", kind: "Service" }],
    },
  },
};

function undescribed(schema: Schema, path: string): string[] {
  const found = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => [
    ...((property.description ?? "") === "" ? [`${path}.${name}`] : []),
    ...undescribed(property, `${path}.${name}`),
  ]);
  return schema.items === undefined ? found : [...found, ...undescribed(schema.items, `${path}[]`)];
}

function lists(schema: Schema, path: string): [path: string, schema: Schema][] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    return lists(property, `${path}.${name}`);
  });
  if (schema.items !== undefined) below.push([path, schema], ...lists(schema.items, `${path}[]`));
  return below;
}
