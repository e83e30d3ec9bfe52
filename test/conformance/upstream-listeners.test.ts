import assert from "node:assert/strict";
import type { UpstreamAddress } from "@weft/proxy";
import { behaviour, type Mesh } from "./harness.ts";

const upstream = (name: string, service: string, port: number | null): UpstreamAddress => ({
  name,
  service,
  namespace: "default",
  port,
});
const upstreams = [
  upstream("CATALOG", "catalog", null),
  upstream("ECHO", "echo", 7000),
  upstream("LATER", "later", null),
];
const options = { upstreams };

function portOf(mesh: Mesh, name: string): number {
  const address = mesh.proxy("web").ports.upstreams[name] ?? "";
  assert.match(address, /^127\.0\.0\.1:\d+$/);
  return Number(address.split(":")[1]);
}

behaviour(
  "an upstream listener belongs to one service, whatever the Host says",
  import.meta.url,
  async (mesh) => {
    const connection = mesh.rawTo(portOf(mesh, "CATALOG"));
    connection.write("GET /items HTTP/1.1\r\nhost: elsewhere.test:9\r\n\r\n");
    await connection.until(({ text }) => text.includes('"body":""}'));
    assert.match(connection.text, /"host":"elsewhere.test:9"/);
    assert.match(connection.text, /x-workload: catalog-1/);
  },
  options,
);

behaviour(
  "a tcp service behind an upstream listener gets the bytes, and may speak first",
  import.meta.url,
  async (mesh) => {
    mesh.program("echo-1").onSocket = (socket) => {
      socket.write("hello ");
      socket.on("data", (bytes) => socket.write(bytes));
    };
    const connection = mesh.rawTo(portOf(mesh, "ECHO"));
    await connection.until(({ text }) => text === "hello ");
    connection.write("again");
    await connection.until(({ text }) => text === "hello again");
  },
  options,
);

behaviour(
  "until the service exists HTTP gets 503 with a flag and anything else is closed",
  import.meta.url,
  async (mesh) => {
    const port = portOf(mesh, "LATER");
    const asked = mesh.rawTo(port).write("GET / HTTP/1.1\r\nhost: later\r\n\r\n");
    await asked.until(({ text }) => text.includes("x-weft-flag: NS"));
    assert.match(asked.text, /^HTTP\/1\.1 503 /);
    const other = mesh.rawTo(port).write("\x00\x01binary");
    await other.untilOver();
    assert.equal(other.text, "");
    await mesh.apply(`
kind: Service
metadata: { name: later }
spec:
  selector: { weft.dev/service: catalog }
  ports: [{ name: http, port: 8080, targetPort: http, appProtocol: http }]
`);
    const served = mesh.rawTo(port).write("GET / HTTP/1.1\r\nhost: later\r\n\r\n");
    await served.until(({ text }) => text.startsWith("HTTP/1.1 200 "));
  },
  options,
);
