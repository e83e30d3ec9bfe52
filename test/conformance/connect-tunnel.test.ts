import assert from "node:assert/strict";
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer } from "node:net";
import { answerOf } from "./http2-client.ts";
import { behaviour, type Mesh, type RawConnection } from "./harness.ts";

async function connect(mesh: Mesh, authority: string): Promise<RawConnection> {
  const connection = mesh
    .raw("web")
    .write(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  await connection.until(({ text }) => text.includes("\r\n\r\n"));
  return connection;
}

behaviour(
  "inside CONNECT to an HTTP service its routes serve the requests",
  import.meta.url,
  async (mesh) => {
    const connection = await connect(mesh, "catalog:80");
    assert.match(connection.text, /^HTTP\/1\.1 200 /);
    for (const path of ["/one", "/two"]) {
      connection.text = "";
      connection.write(`GET ${path} HTTP/1.1\r\nhost: whatever\r\n\r\n`);
      await connection.until(({ text }) => text.includes('"body":""}'));
      assert.match(connection.text, /^HTTP\/1\.1 200 /);
      assert.match(connection.text, new RegExp(`"url":"${path}"`));
      assert.match(connection.text, /sa\/web/);
    }
  },
);

behaviour("bytes sent together with CONNECT are not lost", import.meta.url, async (mesh) => {
  const connection = mesh
    .raw("web")
    .write(
      "CONNECT catalog:80 HTTP/1.1\r\nhost: catalog:80\r\n\r\nGET /early HTTP/1.1\r\nhost: c\r\n\r\n",
    );
  await connection.until(({ text }) => text.includes('"url":"/early"'));
});

behaviour(
  "CONNECT to a tcp service is a tunnel with both halves",
  import.meta.url,
  async (mesh) => {
    mesh.program("echo-1").onSocket = (socket) => {
      socket.write("220 ready\r\n");
      let received = "";
      socket.on("data", (bytes) => {
        received += bytes.toString("latin1");
      });
      socket.on("end", () => socket.end(`got ${received}`));
    };
    const connection = await connect(mesh, "echo.default:7000");
    await connection.until(({ text }) => text.includes("220 ready"));
    connection.text = "";
    connection.write("all of it");
    connection.socket.end();
    await connection.untilOver();
    assert.equal(connection.text, "got all of it");
  },
);

behaviour(
  "inside CONNECT to a gRPC service its routes serve HTTP/2",
  import.meta.url,
  async (mesh) => {
    const server = createHttp2Server();
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      stream.respond({ ":status": 200, "x-peer": String(headers["x-forwarded-client-cert"]) });
      stream.end(String(headers[":path"]));
    });
    mesh.program("rpc-1").onSocket = (socket) => server.emit("connection", socket);
    const connection = await connect(mesh, "rpc:80");
    const { socket } = connection;
    socket.removeAllListeners("data");
    const session = connectHttp2("http://rpc", { createConnection: () => socket });
    const got = await answerOf(session.request({ ":path": "/shop.Rpc/Do" }));
    assert.deepEqual([got.status, got.body], [200, "/shop.Rpc/Do"]);
    assert.match(String(got.headers["x-peer"]), /sa\/web$/);
    session.destroy();
  },
);

behaviour(
  "CONNECT to a host outside the mesh tunnels there, unless only registered services may be called",
  import.meta.url,
  async (mesh) => {
    const outside = createServer((socket) => {
      socket.on("error", () => {});
      socket.end("from outside");
    });
    await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
    const { port } = outside.address() as { port: number };
    const connection = await connect(mesh, `127.0.0.1:${port}`);
    assert.match(connection.text, /^HTTP\/1\.1 200 /);
    await connection.until(({ text }) => text.includes("from outside"));
    await mesh.apply(
      "kind: MeshConfig\nmetadata: { name: default }\nspec: { outbound: RegistryOnly }\n",
    );
    const refused = await connect(mesh, `127.0.0.1:${port}`);
    assert.match(refused.text, /^HTTP\/1\.1 502 /);
    assert.match(refused.text, /x-weft-flag: RO/);
    outside.close();
  },
);

behaviour(
  "CONNECT to a port the service does not have, or to nobody, is refused",
  import.meta.url,
  async (mesh) => {
    const noPort = await connect(mesh, "catalog:81");
    assert.match(noPort.text, /^HTTP\/1\.1 404 /);
    assert.match(noPort.text, /x-weft-flag: NP/);
    const closed = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => closed.once("listening", resolve));
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    const nobody = await connect(mesh, `127.0.0.1:${port}`);
    assert.match(nobody.text, /^HTTP\/1\.1 503 /);
  },
);

behaviour(
  "CONNECT is refused everywhere but on the outbound listener",
  import.meta.url,
  async (mesh) => {
    const connection = mesh
      .rawTo(mesh.inbound("catalog-1"))
      .write("CONNECT catalog:80 HTTP/1.1\r\nhost: catalog:80\r\n\r\n");
    await connection.untilOver();
    assert.match(connection.text, /^HTTP\/1\.1 405 /);
  },
);
