// Sidecars that know no HTTP/2 stay in the mesh: what is spoken over mutual TLS is what the peer
// chooses by ALPN (RFC 7301), and without a choice HTTP/1.1.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { behaviour, type Mesh } from "./harness.ts";

const account = "spiffe://weft.local/ns/default/sa/catalog";

interface OldSidecar {
  /** What each connection's client offered and got. */
  readonly chosen: (string | false | null)[];
  readonly versions: string[];
  close(): Promise<void>;
}

/** Ends mutual TLS as a sidecar does, and answers in HTTP/1.1 itself. */
async function openOldSidecar(
  mesh: Mesh,
  name: string,
  alpn: readonly string[],
): Promise<OldSidecar> {
  const { keyPem, chainPem, rootsPem } = await mesh.authority.issue(account);
  const chosen: (string | false | null)[] = [];
  const versions: string[] = [];
  const http = createHttpServer((request, response) => {
    versions.push(request.httpVersion);
    response.setHeader("x-workload", name);
    request.resume().on("end", () => response.end("from an old sidecar"));
  });
  http.on("upgrade", (_request, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n");
    socket.write("connection: upgrade\r\n\r\n");
    socket.on("data", (bytes: Buffer) => socket.write(`old:${bytes.toString()}`));
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
  });
  const sockets = new Set<TLSSocket>();
  const tls = createTlsServer({
    key: keyPem,
    cert: chainPem,
    ca: rootsPem,
    requestCert: true,
    rejectUnauthorized: true,
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
  });
  tls.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    chosen.push(socket.alpnProtocol);
    http.emit("connection", socket);
  });
  tls.listen(0, "127.0.0.1");
  await once(tls, "listening");
  const meshPort = (tls.address() as AddressInfo).port;
  mesh.announce({
    kind: "Workload",
    metadata: { name, labels: { "weft.dev/service": "catalog" } },
    spec: {
      serviceAccount: "catalog",
      address: "127.0.0.1",
      ports: [{ name: "http", port: 1, protocol: "HTTP", meshPort }],
    },
  });
  await mesh.settled();
  return {
    chosen,
    versions,
    async close() {
      await mesh.delete("Workload", name);
      tls.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

for (const [what, alpn] of [
  ["that offers HTTP/1.1 alone", ["http/1.1"]],
  ["that knows no ALPN", []],
] as const) {
  behaviour(`a sidecar ${what} is spoken to in HTTP/1.1`, import.meta.url, async (mesh) => {
    const old = await openOldSidecar(mesh, "catalog-old", alpn);
    try {
      const answered = new Map<string, number>();
      for (let round = 0; round < 10; round++) {
        const sent = Array.from({ length: 8 }, (_, i) =>
          mesh.send("web", "http://catalog/", i % 2 === 0 ? {} : { method: "POST", body: "x" }),
        );
        for (const { status, flag, workload } of await Promise.all(sent)) {
          assert.equal(status, 200, flag);
          answered.set(workload, (answered.get(workload) ?? 0) + 1);
        }
      }
      assert.deepEqual([...answered.keys()].sort(), ["catalog-1", "catalog-old"]);
      assert.ok(old.versions.length > 0);
      assert.ok(old.versions.every((version) => version === "1.1"));
      assert.ok(old.chosen.every((one) => one === (alpn[0] ?? false)));
      // Its connections are kept: fewer than requests by far.
      assert.ok(old.chosen.length <= 8 * mesh.concurrency, `${old.chosen.length} connections`);
    } finally {
      await old.close();
    }
  });
}

behaviour("a WebSocket reaches old and new sidecars", import.meta.url, async (mesh) => {
  const old = await openOldSidecar(mesh, "catalog-old", ["http/1.1"]);
  try {
    const echoes = new Set<string>();
    for (let i = 0; i < 40 && echoes.size < 2; i++) {
      const connection = mesh
        .raw("web")
        .write(
          "GET /room HTTP/1.1\r\nhost: catalog\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
        );
      await connection.until(({ text }) => text.includes("\r\n\r\n"));
      assert.match(connection.text, /^HTTP\/1\.1 101 /);
      connection.text = "";
      connection.write("hello");
      await connection.until(({ text }) => text.endsWith("hello"));
      echoes.add(connection.text);
      connection.socket.end();
      await connection.untilOver();
    }
    assert.deepEqual([...echoes].sort(), ["catalog-1:/room:hello", "old:hello"]);
  } finally {
    await old.close();
  }
});

behaviour(
  "new sidecars share a connection for each worker of the peer",
  import.meta.url,
  async (mesh) => {
    for (let round = 0; round < 3; round++) {
      const sent = Array.from({ length: 100 }, () => mesh.send("web", "http://catalog/"));
      for (const { status, flag } of await Promise.all(sent)) assert.equal(status, 200, flag);
    }
    const { items } = (await mesh.proxy("web").ask("endpoints", {})) as {
      items: { cluster: string; openConnections: number }[];
    };
    const open = items
      .filter(({ cluster }) => cluster.startsWith("catalog."))
      .reduce((sum, { openConnections }) => sum + openConnections, 0);
    // From each worker that was asked at all, and none of them more.
    const most = mesh.concurrency * mesh.concurrency;
    assert.ok(open >= mesh.concurrency && open <= most, `${open} connections`);
  },
);
