// The adapter on real sockets: what only the wire can show.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, describe, it } from "node:test";
import { silentLogger, systemRuntime } from "@weft/runtime";
import { createMemoryStore } from "../store/memory.ts";
import { type HttpHandle, openHttp } from "./http.ts";
import { createRest, type Rest } from "./rest.ts";

const runtime = systemRuntime({ log: silentLogger });
const open: { rest: Rest; handle: HttpHandle }[] = [];
after(async () => {
  for (const { rest, handle } of open) {
    rest.close();
    await handle.close();
  }
});

async function serve(): Promise<string> {
  const rest = createRest({ runtime, store: createMemoryStore(), version: "0.0.0" });
  await rest.prepare();
  const handle = await openHttp({ runtime, rest, listen: "127.0.0.1:0" });
  open.push({ rest, handle });
  return handle.url;
}

const configMaps = "/api/v1/namespaces/default/configmaps";

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

describe("the HTTP adapter", () => {
  it("serves objects", async () => {
    const url = await serve();
    const made = await post(url + configMaps, { metadata: { name: "a" }, data: { x: "é" } });
    assert.equal(made.status, 201);
    const read = await fetch(`${url}${configMaps}/a`);
    assert.equal(read.headers.get("content-type"), "application/json");
    assert.equal(read.headers.get("x-content-type-options"), "nosniff");
    const { data } = (await read.json()) as { data: object };
    assert.deepEqual(data, { x: "é" });
  });

  it("refuses foreign hosts, origins and form bodies", async () => {
    const url = await serve();
    const { port } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.end(`GET ${configMaps} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = await socket.toArray();
    assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 403 /);
    const origin = await fetch(url + configMaps, { headers: { origin: "http://evil.test" } });
    assert.equal(origin.status, 403);
    const form = await post(url + configMaps, "a=b", {
      "content-type": "application/x-www-form-urlencoded",
    });
    assert.equal(form.status, 415);
    const list = (await (await fetch(url + configMaps)).json()) as { items: unknown[] };
    assert.deepEqual(list.items, []);
  });

  it("refuses bodies that are too large, with and without a length, and stores nothing", async () => {
    const url = await serve();
    const body = JSON.stringify({ metadata: { name: "a" }, data: { x: "x".repeat(4 << 20) } });
    const refused = await post(url + configMaps, body).catch(() => null);
    if (refused !== null) assert.equal(refused.status, 413);
    const stream = new Blob([body]).stream();
    const options = {
      method: "POST",
      body: stream,
      duplex: "half" as const,
      headers: { "content-type": "application/json" },
    };
    const chunked = await fetch(url + configMaps, options).catch(() => null);
    if (chunked !== null) assert.equal(chunked.status, 413);
    assert.equal((await fetch(`${url}${configMaps}/a`)).status, 404);
  });

  it("stores nothing of a body that breaks off", async () => {
    const url = await serve();
    const { port } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    const head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 100";
    socket.write(`POST ${configMaps} HTTP/1.1\r\n${head}\r\n\r\n{"metadata":{"name":"a"}}`);
    await once(socket, "connect");
    socket.destroy();
    await fetch(`${url}/healthz`);
    assert.equal((await fetch(`${url}${configMaps}/a`)).status, 404);
  });

  it("compresses large answers for those who ask", async () => {
    const url = await serve();
    for (const name of ["a", "b"]) {
      await post(url + configMaps, { metadata: { name }, data: { x: "x".repeat(20_000) } });
    }
    const read = await fetch(url + configMaps, { headers: { "accept-encoding": "gzip" } });
    assert.equal(read.headers.get("content-encoding"), "gzip");
    const { items } = (await read.json()) as { items: unknown[] };
    assert.equal(items.length, 2);
    const plain = await fetch(url + configMaps, { headers: { "accept-encoding": "identity" } });
    assert.equal(plain.headers.get("content-encoding"), null);
  });

  it("streams a watch: head at once, events as they come, end when the client leaves", async () => {
    const url = await serve();
    const controller = new AbortController();
    const { signal } = controller;
    const watch = await fetch(`${url}${configMaps}?watch=1`, { signal });
    assert.equal(watch.status, 200);
    assert.ok(watch.body);
    const reader = watch.body.pipeThrough(new TextDecoderStream()).getReader();
    await post(url + configMaps, { metadata: { name: "a" } });
    const { value } = await reader.read();
    assert.match(value ?? "", /^\{"type":"ADDED","object":\{.*"name":"a"/);
    controller.abort();
    await reader.closed.catch(() => {});
    assert.equal((await post(url + configMaps, { metadata: { name: "b" } })).status, 201);
  });

  it("holds little for a reader that does not read, and ends its watch", async () => {
    const url = await serve();
    const { port } = new URL(url);
    const request = http.get({ host: "127.0.0.1", port, path: `${configMaps}?watch=1` });
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.pause();
    const big = "x".repeat(50_000);
    await post(url + configMaps, { metadata: { name: "a" } });
    const count = 600;
    for (let i = 0; i < count; i++) {
      const body = { metadata: { name: "a" }, data: { i: String(i), big } };
      const changed = await fetch(`${url}${configMaps}/a`, {
        method: "PUT",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
      assert.equal(changed.status, 200);
      await changed.arrayBuffer();
    }
    const chunks: Buffer[] = await response.toArray();
    const lines = Buffer.concat(chunks).toString().trim().split("\n");
    assert.ok(lines.length < count, `${lines.length} of ${count} events came`);
  });

  it("says which address is taken", async () => {
    const url = await serve();
    const rest = createRest({ runtime, store: createMemoryStore(), version: "0.0.0" });
    const { host } = new URL(url);
    await assert.rejects(openHttp({ runtime, rest, listen: host }), {
      code: "port-taken",
      message: `the address ${host} is taken`,
    });
    await assert.rejects(openHttp({ runtime, rest, listen: "nonsense" }), {
      code: "address-unusable",
    });
    rest.close();
  });

  it("closes with open watches", async () => {
    const rest = createRest({ runtime, store: createMemoryStore(), version: "0.0.0" });
    await rest.prepare();
    const handle = await openHttp({ runtime, rest, listen: "127.0.0.1:0" });
    const watch = await fetch(`${handle.url}${configMaps}?watch=1`);
    rest.close();
    await handle.close();
    assert.equal(await watch.text(), "");
    const server = http.createServer();
    server.listen(Number(new URL(handle.url).port), "127.0.0.1");
    await once(server, "listening");
    assert.equal((server.address() as AddressInfo).port, Number(new URL(handle.url).port));
    server.close();
  });
});
