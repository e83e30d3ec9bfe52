import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Event, eventKind } from "./event.ts";

function event(fields: object): Event {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "a.1", namespace: "shop" },
    involvedObject: { kind: "Service", namespace: "shop", name: "web" },
    ...fields,
  };
}

function cell(object: Event, name: string, nowMs = 0): unknown {
  return eventKind.columns.find((column) => column.name === name)?.cell(object, nowMs);
}

describe("Event", () => {
  it("lies in the namespace of its object, or in default when that has none", () => {
    assert.deepEqual(eventKind.validate(event({})), []);
    const elsewhere = event({ involvedObject: { kind: "Service", namespace: "b", name: "a" } });
    assert.deepEqual(
      eventKind.validate(elsewhere).map((error) => error.path),
      ["involvedObject.namespace"],
    );
    const clusterWide = event({
      metadata: { name: "a", namespace: "default" },
      involvedObject: { kind: "MeshConfig", name: "default" },
    });
    assert.deepEqual(eventKind.validate(clusterWide), []);
  });

  it("shows what kubectl get events shows", () => {
    assert.deepEqual(
      eventKind.columns.filter((column) => column.priority === 0).map((column) => column.name),
      ["Last Seen", "Type", "Reason", "Object", "Message"],
    );
    const object = event({
      type: "Warning",
      reason: "NoPorts",
      message: "no workload serves port 80\n",
      firstTimestamp: "1970-01-01T00:00:10Z",
      lastTimestamp: "1970-01-01T00:01:00Z",
      count: 3,
      source: { component: "control-plane", host: "a" },
    });
    assert.equal(cell(object, "Last Seen", 90_000), "30s");
    assert.equal(cell(object, "First Seen", 90_000), "80s");
    assert.equal(cell(object, "Object"), "service/web");
    assert.equal(cell(object, "Message"), "no workload serves port 80");
    assert.equal(cell(object, "Source"), "control-plane, a");
    assert.equal(cell(object, "Count"), "3");
  });

  it("reads the newer form, too", () => {
    const object = event({
      eventTime: "1970-01-01T00:00:10.000000Z",
      series: { count: 5, lastObservedTime: "1970-01-01T00:00:50Z" },
      reportingComponent: "weft.dev/agent",
    });
    assert.equal(cell(object, "Last Seen", 60_000), "10s");
    assert.equal(cell(object, "First Seen", 60_000), "50s");
    assert.equal(cell(object, "Count"), "5");
    assert.equal(cell(object, "Source"), "weft.dev/agent");
  });
});
