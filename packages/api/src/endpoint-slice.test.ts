import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type EndpointSlice, endpointSliceKind } from "./endpoint-slice.ts";

function slice(fields: object): EndpointSlice {
  const object = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "a", namespace: "b" },
    addressType: "IPv4",
    endpoints: [],
    ...fields,
  } as EndpointSlice;
  endpointSliceKind.defaults(object);
  return object;
}

function paths(fields: object): string[] {
  return endpointSliceKind.validate(slice(fields)).map((error) => error.path);
}

describe("EndpointSlice", () => {
  it("has addresses of its type", () => {
    assert.deepEqual(paths({ endpoints: [{ addresses: ["127.0.0.1"] }] }), []);
    assert.deepEqual(paths({ endpoints: [{ addresses: ["::1"] }, { addresses: [] }] }), [
      "endpoints[1].addresses",
      "endpoints[0].addresses[0]",
    ]);
    assert.deepEqual(paths({ addressType: "IPv6", endpoints: [{ addresses: ["::1"] }] }), []);
    assert.deepEqual(paths({ addressType: "FQDN", endpoints: [{ addresses: ["a.b."] }] }), []);
    assert.deepEqual(paths({ addressType: "FQDN", endpoints: [{ addresses: ["A"] }] }), [
      "endpoints[0].addresses[0]",
    ]);
    assert.deepEqual(paths({ endpoints: [{ addresses: ["127.0.0.1", "127.0.0.1"] }] }), [
      "endpoints[0].addresses[1]",
    ]);
  });

  it("has ports with names of their own", () => {
    assert.deepEqual(slice({ ports: [{ port: 80 }] }).ports, [
      { port: 80, name: "", protocol: "TCP" },
    ]);
    assert.deepEqual(paths({ ports: [{ name: "A" }, { port: 0 }, { appProtocol: "a b" }] }), [
      "ports[0].name",
      "ports[1].port",
      "ports[2].name",
      "ports[2].appProtocol",
    ]);
  });

  it("checks host names, nodes and hints, and keeps its address type", () => {
    const endpoint = {
      addresses: ["127.0.0.1"],
      hostname: "A",
      nodeName: "_",
      hints: { forZones: [{ name: "a b" }] },
    };
    assert.deepEqual(paths({ endpoints: [endpoint] }), [
      "endpoints[0].hostname",
      "endpoints[0].nodeName",
      "endpoints[0].hints.forZones[0].name",
    ]);
    const errors = endpointSliceKind.validateUpdate(slice({ addressType: "IPv6" }), slice({}));
    assert.deepEqual(
      errors.map((error) => error.path),
      ["addressType"],
    );
  });

  it("shows some of its addresses", () => {
    const addresses = [1, 2, 3, 4, 5].map((last) => ({ addresses: [`127.0.0.${last}`] }));
    const show = (object: EndpointSlice): unknown[] => {
      return endpointSliceKind.columns.slice(1, 4).map((column) => column.cell(object, 0));
    };
    assert.deepEqual(show(slice({ endpoints: addresses, ports: [{ port: 80 }, { name: "x" }] })), [
      "IPv4",
      "80,*",
      "127.0.0.1,127.0.0.2,127.0.0.3 + 2 more...",
    ]);
    assert.deepEqual(show(slice({})), ["IPv4", "<unset>", "<unset>"]);
  });
});
