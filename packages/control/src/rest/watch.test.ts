import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ApiFixture, openApiFixture, settle } from "./api-fixture.ts";

const url = "/api/v1/namespaces/default/configmaps";

async function put(api: ApiFixture, name: string, labels: object = {}): Promise<string> {
  const body = { metadata: { name, labels } };
  const made = await api.call("POST", url, { body });
  if (made.status === 201) return made.body.metadata.resourceVersion;
  const changed = await api.call("PUT", `${url}/${name}`, { body });
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  return changed.body.metadata.resourceVersion;
}

describe("a watch", () => {
  it("without a revision begins with what is there", async () => {
    const api = await openApiFixture();
    await put(api, "a");
    const watch = await api.watch(`${url}?watch=true`);
    await settle();
    await put(api, "b");
    await put(api, "b", { x: "y" });
    const gone = await api.call("DELETE", `${url}/a`);
    assert.equal(gone.status, 200);
    assert.deepEqual(watch.lines, ["ADDED a", "ADDED b", "MODIFIED b", "DELETED a"]);
    const last = watch.events.at(-1)?.object as { metadata: { resourceVersion: string } };
    assert.equal(last.metadata.resourceVersion, String(api.store.revision()));
  });

  it("from a revision misses nothing after it", async () => {
    const api = await openApiFixture();
    const from = await put(api, "a");
    await put(api, "b");
    await api.call("DELETE", `${url}/a`);
    const watch = await api.watch(`${url}?watch=1&resourceVersion=${from}`);
    await settle();
    await put(api, "c");
    assert.deepEqual(watch.lines, ["ADDED b", "DELETED a", "ADDED c"]);
  });

  it("turns coming into and going out of a selection into ADDED and DELETED", async () => {
    const api = await openApiFixture();
    const from = await put(api, "a");
    const watch = await api.watch(`${url}?watch=1&labelSelector=x&resourceVersion=${from}`);
    await settle();
    await put(api, "a", { x: "1" });
    await put(api, "a", { x: "2" });
    await put(api, "a", {});
    await put(api, "b", {});
    await api.call("DELETE", `${url}/a`);
    assert.deepEqual(watch.lines, ["ADDED a", "MODIFIED a", "DELETED a"]);
  });

  it("of one name hears only that name", async () => {
    const api = await openApiFixture();
    await put(api, "ab");
    const watch = await api.watch(`${url}?watch=1&fieldSelector=metadata.name%3Da`);
    const onPath = await api.watch(`${url}/a?watch=1`);
    await settle();
    await put(api, "a");
    await put(api, "abc");
    assert.deepEqual(watch.lines, ["ADDED a"]);
    assert.deepEqual(onPath.lines, ["ADDED a"]);
  });

  it("from a revision that is gone ends with an ERROR of 410", async () => {
    const api = await openApiFixture({ eventsMax: 3, bytesMax: 1 << 20 });
    const from = await put(api, "a");
    for (const name of ["b", "c", "d", "e", "f"]) await put(api, name);
    const watch = await api.watch(`${url}?watch=1&resourceVersion=${from}`);
    await settle();
    assert.deepEqual(watch.lines, ["ERROR 410"]);
    assert.equal(watch.events[0]?.object["reason"], "Expired");
    assert.ok(watch.isEnded);
  });

  it("with sendInitialEvents marks their end", async () => {
    const api = await openApiFixture();
    await put(api, "a");
    const query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    const watch = await api.watch(`${url}?${query}&allowWatchBookmarks=true`);
    await settle();
    const revision = api.store.revision();
    await put(api, "b");
    assert.deepEqual(watch.lines, ["ADDED a", `BOOKMARK ${revision}`, "ADDED b"]);
    const mark = watch.events[1]?.object as { kind: string; metadata: { annotations: object } };
    assert.deepEqual(mark.metadata.annotations, { "k8s.io/initial-events-end": "true" });
    assert.equal(mark.kind, "ConfigMap");
    const wrong = await api.call("GET", `${url}?watch=1&sendInitialEvents=true`);
    assert.equal(wrong.status, 422);
  });

  it("sends bookmarks now and then when asked, with the newest revision", async () => {
    const api = await openApiFixture();
    const watch = await api.watch(`${url}?watch=1&allowWatchBookmarks=true&labelSelector=none`);
    await settle();
    await put(api, "a");
    api.clock.advance(61_000);
    assert.deepEqual(watch.lines, [`BOOKMARK ${api.store.revision()}`]);
    api.clock.advance(61_000);
    assert.equal(watch.lines.length, 1);
  });

  it("ends when its time is up, and with the server", async () => {
    const api = await openApiFixture();
    const short = await api.watch(`${url}?watch=1&timeoutSeconds=5`);
    const long = await api.watch(`${url}?watch=1`);
    api.clock.advance(5000);
    assert.ok(short.isEnded);
    assert.ok(!long.isEnded);
    api.rest.close();
    assert.ok(long.isEnded);
  });

  it("waits while the reader does, and is ended when the reader is too slow", async () => {
    const api = await openApiFixture();
    const watch = await api.watch(`${url}?watch=1`);
    await settle();
    watch.takesMore = false;
    await put(api, "a");
    await put(api, "b");
    await put(api, "c");
    assert.deepEqual(watch.lines, ["ADDED a"]);
    watch.takesMore = true;
    watch.resume();
    assert.deepEqual(watch.lines, ["ADDED a", "ADDED b", "ADDED c"]);
    watch.takesMore = false;
    for (let i = 0; i < 2100; i++) await put(api, "a", { i: String(i) });
    assert.ok(watch.isEnded);
    assert.ok(watch.lines.length < 10);
  });

  it("that the client left hears nothing more", async () => {
    const api = await openApiFixture();
    const watch = await api.watch(`${url}?watch=1`);
    await settle();
    watch.close();
    await put(api, "a");
    assert.deepEqual(watch.lines, []);
  });

  it("comes as Tables", async () => {
    const api = await openApiFixture();
    await put(api, "a");
    const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    const watch = await api.watch(`${url}?watch=1`, accept);
    await settle();
    const table = watch.events[0]?.object as { kind: string; rows: { cells: unknown[] }[] };
    assert.equal(table.kind, "Table");
    assert.equal(table.rows[0]?.cells[0], "a");
  });
});
