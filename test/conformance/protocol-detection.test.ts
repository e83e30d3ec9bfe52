import assert from "node:assert/strict";
import { behaviour, type Mesh, type RawConnection } from "./harness.ts";

const upstreams = ["any", "mysql"].map((service) => ({
  name: service.toUpperCase(),
  service,
  namespace: "default",
  port: null,
}));
const options = { upstreams };

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
