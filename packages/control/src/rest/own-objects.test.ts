// `Objects`, as the control plane's own parts use it.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ApiObject, Event, Workload } from "@weft/api";
import { openApiFixture, settle } from "./api-fixture.ts";

const workload = (name: string): Workload => ({
  apiVersion: "weft.dev/v1alpha1",
  kind: "Workload",
  metadata: { name, namespace: "default" },
  spec: { serviceAccount: "web", address: "127.0.0.1", ports: [{ name: "http", port: 8080 }] },
});

const writer = { fieldManager: "weft-registry" };

describe("own objects", () => {
  it("are created, read, listed, changed and deleted with the checks of REST", async () => {
    const { rest } = await openApiFixture();
    const { objects } = rest;
    const made = await objects.create(workload("a"), writer);
    assert.equal(made.spec.weight, 100);
    await assert.rejects(objects.create(workload("a"), writer), { code: 409 });
    const lost = { ...workload("b"), metadata: { name: "b", namespace: "nowhere" } };
    await assert.rejects(objects.create(lost, writer), { code: 404 });
    const changed = await objects.change<Workload>(
      "Workload",
      "default",
      "a",
      (object) => {
        object.spec.weight = 5;
      },
      writer,
    );
    assert.equal(changed?.spec.weight, 5);
    const list = await objects.list<Workload>("Workload", "default");
    assert.deepEqual(
      list.items.map((item) => item.spec.weight),
      [5],
    );
    await assert.rejects(objects.delete("Workload", "default", "a", { uid: "another" }), {
      code: 409,
    });
    const gone = await objects.delete<Workload>("Workload", "default", "a", {
      uid: made.metadata.uid ?? "",
    });
    assert.equal(gone?.metadata.name, "a");
    assert.equal(await objects.delete("Workload", "default", "a"), null);
    assert.equal(await objects.get("Workload", "default", "a"), null);
  });

  it("statuses are patched past conflicts, and not at all when nothing changes", async () => {
    const { rest, store } = await openApiFixture();
    const { objects } = rest;
    await objects.create(workload("a"), writer);
    const ready = (object: Workload): void => {
      object.status = { ...object.status, phase: "Ready" } as NonNullable<Workload["status"]>;
      object.spec.weight = 1;
    };
    const both = await Promise.all([
      objects.patchStatus<Workload>("Workload", "default", "a", (object) => {
        object.status = { ...object.status, observedGeneration: 1 } as NonNullable<
          Workload["status"]
        >;
      }),
      objects.change<Workload>(
        "Workload",
        "default",
        "a",
        (object) => {
          object.metadata.labels = { x: "y" };
        },
        writer,
      ),
    ]);
    assert.ok(both.every((object) => object !== null));
    await objects.patchStatus("Workload", "default", "a", ready);
    const now = await objects.get<Workload>("Workload", "default", "a");
    assert.equal(now?.spec.weight, 100);
    assert.deepEqual(now?.metadata.labels, { x: "y" });
    const before = store.revision();
    await objects.patchStatus("Workload", "default", "a", () => {});
    assert.equal(store.revision(), before);
    assert.equal(await objects.patchStatus("Workload", "default", "none", ready), null);
  });

  it("events are counted, written at most once in ten seconds, and forgotten", async () => {
    const { rest, clock } = await openApiFixture();
    const { objects } = rest;
    const involved = { apiVersion: "v1", kind: "Service", namespace: "default", name: "web" };
    const text = {
      type: "Warning",
      reason: "EndpointsKept",
      message: "kept",
      component: "weft-registry",
    } as const;
    const read = async (): Promise<readonly Event[]> =>
      (await objects.list<Event>("Event", "default")).items;
    for (let i = 0; i < 5; i++) await objects.event(involved, text);
    assert.equal((await read()).length, 1);
    assert.equal((await read())[0]?.count, 1);
    clock.advance(11_000);
    await objects.event(involved, text);
    assert.equal((await read())[0]?.count, 6);
    await objects.event(involved, { ...text, message: "something else" });
    assert.equal((await read()).length, 2);
    await objects.event({ ...involved, namespace: "nowhere" }, text);
    await clock.advanceAsync(3_600_000 + 600_000, 60_000);
    await settle();
    assert.equal((await read()).length, 0);
  });

  it("are all watched: first what is there, then every change, past lost history", async () => {
    const { rest, store, clock } = await openApiFixture({ eventsMax: 3, bytesMax: 1 << 20 });
    const { objects } = rest;
    await objects.create(workload("a"), writer);
    const heard: string[] = [];
    const synced: number[] = [];
    const name = (object: ApiObject): string => object.metadata.name;
    const watch = objects.watchAll(
      (event) => heard.push(`${event.type} ${event.kind} ${name(event.object)}`),
      (revision) => synced.push(revision),
    );
    await settle();
    assert.deepEqual(heard, [
      "put Namespace default",
      "put Namespace weft-system",
      "put Workload a",
    ]);
    assert.deepEqual(synced, [store.revision()]);
    await objects.create(workload("b"), writer);
    await objects.delete("Workload", "default", "a");
    assert.deepEqual(heard.slice(3), ["put Workload b", "delete Workload a"]);
    watch.close();
    await objects.create(workload("c"), writer);
    assert.equal(heard.length, 5);
    clock.advance(1);
  });
});
