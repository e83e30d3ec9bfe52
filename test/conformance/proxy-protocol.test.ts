import assert from "node:assert/strict";
import { ProxyHeader, ProxyStatus, readProxyHeader, writeProxyHeader } from "@weft/wire";
import { behaviour, eventually, type Mesh } from "./harness.ts";

const upstreams = ["db", "old", "catalog"].map((service) => ({
  name: service.toUpperCase(),
  service,
  namespace: "default",
  port: null,
}));
const options = { upstreams };
const request = "GET /x HTTP/1.1\r\nhost: catalog\r\n\r\n";
const line = "PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n";

function accepting(service: string, ...ranges: readonly string[]): string {
  return `
kind: PeerAuthentication
metadata: { name: ${service} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${service} }]
  mtls: { mode: Permissive }
  proxyProtocol: { from: [${ranges.map((range) => `"${range}"`).join(", ")}] }
`;
}

function announcing(service: string, version: string): string {
  return `
kind: TrafficPolicy
metadata: { name: ${service} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${service} }]
  proxyProtocol: ${version}
`;
}

/** The program keeps what it is sent, byte for byte. */
async function keep(mesh: Mesh, name: string): Promise<() => Buffer> {
  let bytes: Buffer = Buffer.alloc(0);
  await mesh.speak(name, (socket) => {
    socket.on("data", (more: Buffer) => (bytes = Buffer.concat([bytes, more])));
  });
  return () => bytes;
}

function upstreamPort(mesh: Mesh, name: string): number {
  return Number((mesh.proxy("web").ports.upstreams[name] ?? "").split(":")[1]);
}

behaviour(
  "a configured peer's header says who the connection is from, in any pieces",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(accepting("catalog", "127.0.0.0/8"));
    const addresses = {
      sourceAddress: "192.0.2.7",
      sourcePort: 40_000,
      destinationAddress: "198.51.100.1",
      destinationPort: 443,
    };
    for (const header of [Buffer.from(line), writeProxyHeader(addresses)]) {
      const connection = mesh.rawTo(mesh.inbound("catalog-1"));
      for (const byte of header) connection.write(Buffer.from([byte]));
      connection.write(request);
      await connection.until(({ text }) => text.includes('"body":""}'));
      assert.match(connection.text, /^HTTP\/1\.1 200 /);
      mesh.lines.length = 0;
      connection.write("not HTTP\r\n\r\n");
      await eventually(() => mesh.lines.some((one) => one.includes("peer=192.0.2.7 ")));
    }
  },
  options,
);

behaviour(
  "a missing or malformed header, and one from anybody else, closes the connection (H58)",
  import.meta.url,
  async (mesh) => {
    const expectClosed = async (bytes: string, code: string): Promise<void> => {
      mesh.lines.length = 0;
      const connection = mesh.rawTo(mesh.inbound("catalog-1")).write(bytes);
      await connection.untilOver();
      assert.equal(connection.text, "");
      await eventually(() => mesh.lines.some((one) => one.includes(` code=${code} `)));
    };
    await mesh.apply(accepting("catalog", "127.0.0.1"));
    await expectClosed(request, "bad-proxy-header");
    await expectClosed("PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n", "bad-proxy-header");
    await mesh.apply(accepting("catalog", "192.0.2.0/24"));
    await expectClosed(line + request, "proxy-header-refused");
    const plain = mesh.rawTo(mesh.inbound("catalog-1")).write(request);
    await plain.until(({ text }) => text.includes('"body":""}'));
    assert.equal((await mesh.send("web", "http://catalog/")).status, 200, "the mesh goes on");
    assert.equal(mesh.program("catalog-1").seen.length, 2);
  },
  options,
);

behaviour(
  "a program that wants a header gets it, from its own sidecar or else from the caller's",
  import.meta.url,
  async (mesh) => {
    for (const [service, name] of [
      ["db", "db-1"],
      ["old", "old-1"],
    ] as const) {
      for (const version of ["V1", "V2"]) {
        await mesh.apply(announcing(service, version));
        const bytes = await keep(mesh, name);
        mesh.rawTo(upstreamPort(mesh, service.toUpperCase())).write("hello");
        await eventually(() => bytes().toString("latin1").endsWith("hello"));
        const header = new ProxyHeader();
        assert.equal(readProxyHeader(bytes(), header), ProxyStatus.Done);
        assert.equal(bytes().subarray(header.byteCount).toString(), "hello");
        assert.equal(header.addresses?.sourceAddress, "127.0.0.1");
        assert.equal(header.addresses?.destinationPort, mesh.program(name).port);
        assert.equal(bytes().toString("latin1").startsWith("PROXY TCP4 "), version === "V1");
      }
    }
  },
  options,
);

behaviour(
  "who a load balancer speaks for is passed on to the program",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(accepting("db", "127.0.0.1/32"));
    await mesh.apply(announcing("db", "V1"));
    const bytes = await keep(mesh, "db-1");
    mesh.rawTo(mesh.inbound("db-1", "tcp")).write(`${line}hello`);
    await eventually(() => bytes().toString() === `${line}hello`);
  },
  options,
);
