import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { typeUrls } from "@weft/xds";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { send } from "./client.ts";
import {
  behaviour,
  eventually,
  type Mesh,
  type MeshOptions,
  type RawConnection,
} from "./harness.ts";
import { Http2Client } from "./http2-client.ts";
import { Http2Program } from "./http2-program.ts";

const upstreams = ["any", "mysql"].map((service) => ({
  name: service.toUpperCase(),
  service,
  namespace: "default",
  port: null,
}));
/** No Workload can leave its port undeclared; an inbound listener may come from elsewhere. */
function asUndeclared(bytes: Uint8Array): Uint8Array {
  const listener = Listener.decode(bytes);
  const fields = listener.metadata?.filterMetadata["dev.weft"];
  assert.ok(fields !== undefined);
  fields["protocol"] = "auto";
  return Listener.encode(listener).finish();
}

const options: MeshOptions = {
  upstreams,
  edit: (typeUrl, name, bytes) =>
    typeUrl === typeUrls.listener && name === "inbound/own" ? asUndeclared(bytes) : bytes,
};

/** The program answers at both services. */
async function announce(mesh: Mesh): Promise<void> {
  for (const service of ["any", "mysql"]) {
    await mesh.apply(`
kind: EndpointSlice
metadata: { name: ${service}, labels: { kubernetes.io/service-name: ${service} } }
addressType: IPv4
ports: [{ name: "", port: ${mesh.program("plain-1").port} }]
endpoints: [{ addresses: [127.0.0.1], conditions: { ready: true } }]
`);
  }
}

function dial(mesh: Mesh, name: string): RawConnection {
  return mesh.rawTo(Number((mesh.proxy("web").ports.upstreams[name] ?? "").split(":")[1]));
}

behaviour(
  "on an undeclared port the first bytes say what is spoken",
  import.meta.url,
  async (mesh) => {
    await announce(mesh);
    const http = dial(mesh, "ANY").write("GET /x HTTP/1.1\r\nhost: any\r\n\r\n");
    await http.until(({ text }) => text.includes('"body":""}'));
    assert.match(http.text, /"x-request-id"/, "it met the HTTP pipeline");

    await mesh.speak("plain-1", (socket) => {
      socket.on("data", (bytes) => socket.write(bytes));
    });
    const other = dial(mesh, "ANY").write("\x00\x01binary");
    await other.until(({ text }) => text === "\x00\x01binary");
    const similar = dial(mesh, "ANY").write("PRINT\x00");
    await similar.until(({ text }) => text === "PRINT\x00");
    const tls = dial(mesh, "ANY").write("\x16\x03\x01\x00\x05hello");
    await tls.until(({ text }) => text === "\x16\x03\x01\x00\x05hello");
  },
  options,
);

behaviour(
  "a server that speaks first is heard after a short silence, on its usual port without one",
  import.meta.url,
  async (mesh) => {
    await announce(mesh);
    await mesh.speak("plain-1", (socket) => socket.write("greeting"));
    const undeclared = dial(mesh, "ANY");
    const usual = dial(mesh, "MYSQL");
    const beganAtMs = performance.now();
    await usual.until(({ text }) => text === "greeting");
    await undeclared.until(({ text }) => text === "greeting");
    const tookMs = performance.now() - beganAtMs;
    assert.ok(tookMs < 2_000, `${tookMs} ms`);
  },
  options,
);

behaviour(
  "a client that ends before it says anything is heard too",
  import.meta.url,
  async (mesh) => {
    await announce(mesh);
    await mesh.speak("plain-1", (socket) => socket.on("end", () => socket.end("nothing came")));
    for (const name of ["ANY", "MYSQL"]) {
      const connection = dial(mesh, name);
      connection.socket.end();
      await connection.untilOver();
      assert.equal(connection.text, "nothing came");
    }
  },
  options,
);

/** A program of HTTP/1.1 and of HTTP/2 at one port, as many are. */
async function speakBoth(mesh: Mesh, name: string): Promise<void> {
  const http2 = new Http2Program(mesh.program(name));
  mesh.program(name).speak((socket: Socket) => {
    socket.once("data", (bytes: Buffer) => {
      if (bytes.toString("latin1", 0, 3) === "PRI") {
        http2.serve(socket);
        socket.unshift(bytes);
        return;
      }
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none");
    });
  });
  await mesh.spoken(name);
}

behaviour(
  "HTTP/2 on an undeclared port is HTTP/2 to routes, policies, numbers and the program",
  import.meta.url,
  async (mesh) => {
    await announce(mesh);
    await mesh.apply(`
kind: HTTPRoute
metadata: { name: any }
spec:
  parentRefs: [{ group: "", kind: Service, name: any }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /hidden } }]
      filters:
        - type: RequestRedirect
          requestRedirect: { statusCode: 302, path: { type: ReplaceFullPath, replaceFullPath: / } }
    - backendRefs: [{ name: any, port: 9999 }]
`);
    await speakBoth(mesh, "plain-1");
    const { upstreams: ports, metrics } = mesh.proxy("web").ports;
    const client = new Http2Client(Number((ports["ANY"] ?? "").split(":")[1]));
    const got = await client.ask();
    assert.equal(got.status, 200);
    const { headers } = JSON.parse(got.body) as { headers: Record<string, string> };
    assert.equal(headers[":path"], "/x");
    assert.notEqual(headers["x-request-id"], undefined, "it met the HTTP pipeline");
    assert.equal((await client.ask({ ":path": "/hidden" })).status, 302);
    const one = dial(mesh, "ANY").write("GET /x HTTP/1.1\r\nhost: any\r\n\r\n");
    await one.until(({ text }) => text.endsWith("\r\n\r\none"));
    await mesh.delete("HTTPRoute", "any");
    await eventually(async () => {
      const { body } = await send(metrics, `http://127.0.0.1:${metrics}/metrics`);
      return /weft_requests_total\{[^}]*service="any"[^}]*code="302"[^}]*\} 1/.test(body);
    });
    client.close();
  },
  options,
);

behaviour(
  "the same on the inbound side, plain and in TLS",
  import.meta.url,
  async (mesh) => {
    await speakBoth(mesh, "own-1");
    const port = mesh.inbound("own-1", "own");
    const { keyPem, chainPem, rootsPem } = await mesh.authority.issue(
      "spiffe://weft.local/ns/default/sa/web",
    );
    const tls = { key: keyPem, cert: chainPem, ca: rootsPem, checkServerIdentity: () => undefined };
    const secured = connectTls({ port, host: "127.0.0.1", ...tls });
    const clients = [
      new Http2Client(port),
      new Http2Client(port, { createConnection: () => secured }, "https"),
    ];
    for (const client of clients) {
      const got = await client.ask();
      assert.equal(got.status, 200);
      const { headers } = JSON.parse(got.body) as { headers: Record<string, string> };
      assert.notEqual(headers["x-request-id"], undefined, "it met the HTTP pipeline");
      client.close();
    }
    const one = mesh.rawTo(port).write("GET /x HTTP/1.1\r\nhost: own\r\n\r\n");
    await one.until(({ text }) => text.endsWith("\r\n\r\none"));
  },
  options,
);
