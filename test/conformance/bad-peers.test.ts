import assert from "node:assert/strict";
import { connect } from "node:tls";
import type { ProxyIdentity } from "@weft/proxy";
import { TestAuthority } from "./certificates.ts";
import { behaviour, eventually, type Mesh } from "./harness.ts";

const upstreams = ["db", "nobody", "missing", "catalog"].map((service) => ({
  name: service.toUpperCase(),
  service,
  namespace: "default",
  port: null,
}));
const options = { upstreams };

function upstreamPort(mesh: Mesh, name: string): number {
  return Number((mesh.proxy("web").ports.upstreams[name] ?? "").split(":")[1]);
}

/** The log says it once, with the code. */
async function logged(mesh: Mesh, code: string, ...parts: readonly RegExp[]): Promise<void> {
  const found = (): string[] => mesh.lines.filter((line) => line.includes(` code=${code} `));
  await eventually(() => found().length > 0);
  assert.equal(found().length, 1, found().join("\n"));
  const [line = ""] = found();
  assert.match(line, / warn /);
  for (const part of parts) assert.match(line, part);
  mesh.lines.length = 0;
}

function withMode(mode: string): string {
  return `
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: ${mode} } }
`;
}

/** A TLS handshake as that identity; the code of the error it ends with. */
async function shakeHands(port: number, identity: ProxyIdentity | null): Promise<string> {
  const socket = connect({
    host: "127.0.0.1",
    port,
    rejectUnauthorized: false,
    ...(identity === null ? {} : { key: identity.keyPem, cert: identity.chainPem }),
  });
  let code = "";
  socket.on("error", (error: NodeJS.ErrnoException) => (code = error.code ?? "error"));
  socket.on("data", () => {});
  await new Promise((resolve) => socket.once("close", resolve));
  return code;
}

behaviour(
  "plaintext and TLS where they are not taken are closed, with one line that says so",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("catalog-1");
    await mesh.apply(withMode("Strict"));
    mesh.lines.length = 0;
    const plain = mesh.rawTo(port).write("GET / HTTP/1.1\r\nhost: catalog\r\n\r\n");
    await plain.untilOver();
    assert.equal(plain.text, "");
    await logged(mesh, "plaintext-refused", /listener=inbound\/http/, /peer=127\.0\.0\.1/);
    const silent = mesh.rawTo(port);
    await mesh.apply(withMode("Disable"));
    const answer = await shakeHands(port, null);
    assert.match(answer, /HANDSHAKE_FAILURE/);
    await logged(mesh, "tls-not-offered", /listener=inbound\/http/);
    assert.equal(await shakeHands(upstreamPort(mesh, "CATALOG"), null), answer);
    await logged(mesh, "tls-not-offered", /service=catalog/);
    silent.close();
  },
  options,
);

behaviour(
  "a wrong certificate is refused: none, of another mesh, without or with a wrong identity",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("catalog-1");
    mesh.lines.length = 0;
    assert.match(await shakeHands(port, null), /CERTIFICATE_REQUIRED/);
    await logged(mesh, "certificate-missing", /peer=127\.0\.0\.1/);
    const web = "spiffe://weft.local/ns/default/sa/web";
    await shakeHands(port, await (await TestAuthority.create()).issue(web));
    await logged(mesh, "certificate-invalid", /peer=127/, /reason=CERT_SIGNATURE_FAILURE/);
    await shakeHands(port, await mesh.authority.issue(web, [web, `${web}2`]));
    await logged(mesh, "identity-refused", /identity=""/);
    const garbage = mesh.rawTo(port).write("\x16\x03\x01\x00\x05hello");
    await garbage.untilOver();
    assert.ok(garbage.text.startsWith("\x15\x03"), "a TLS alert");
    await logged(mesh, "handshake-failed", /peer=127/, /reason=ERR_SSL/);

    const impostor = await mesh.authority.issue("spiffe://weft.local/ns/default/sa/impostor");
    mesh.proxy("db-1").setIdentity(impostor);
    mesh.lines.length = 0;
    const stream = mesh.rawTo(upstreamPort(mesh, "DB"));
    await stream.untilOver();
    await eventually(() => mesh.lines.some((line) => line.includes("code=no-upstream")));
    mesh.lines.splice(
      0,
      mesh.lines.length,
      ...mesh.lines.filter((line) => line.includes("code=endpoint-identity")).slice(0, 1),
    );
    await logged(mesh, "endpoint-identity", /identity=\S+\/sa\/impostor wanted=\S+\/sa\/db$/);
    mesh
      .proxy("db-1")
      .setIdentity(await mesh.authority.issue("spiffe://weft.local/ns/default/sa/db"));
  },
  options,
);

behaviour(
  "what is no HTTP on an HTTP port is answered 400 and closed",
  import.meta.url,
  async (mesh) => {
    const ports = [mesh.inbound("catalog-1"), mesh.proxy("web").ports.outbound];
    for (const port of [...ports, upstreamPort(mesh, "CATALOG")]) {
      mesh.lines.length = 0;
      const other = mesh.rawTo(port).write("*1\r\n$4\r\nPING\r\n");
      await other.untilOver();
      assert.match(other.text, /^HTTP\/1\.1 400 /);
      await logged(mesh, "not-http", /peer=127\.0\.0\.1/);
    }
    const malformed = mesh.raw("web").write("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
    await malformed.untilOver();
    assert.match(malformed.text, /^HTTP\/1\.1 400 /);
    await logged(mesh, "malformed-request", /listener=outbound/, /reason=/);
    assert.equal(mesh.program("catalog-1").seen.length, 0);
  },
  options,
);

behaviour(
  "a byte stream to nobody, and to a service that does not exist, is closed with a line",
  import.meta.url,
  async (mesh) => {
    mesh.lines.length = 0;
    await mesh.rawTo(upstreamPort(mesh, "NOBODY")).untilOver();
    await logged(mesh, "no-upstream", /cluster=nobody/, /flag=UH/);
    await mesh.rawTo(upstreamPort(mesh, "MISSING")).write("\x00\x01binary").untilOver();
    await logged(mesh, "no-service");
  },
  options,
);

behaviour(
  "a flood of bad peers does not flood the log",
  import.meta.url,
  async (mesh) => {
    await mesh.apply(withMode("Strict"));
    mesh.lines.length = 0;
    const port = mesh.inbound("catalog-1");
    const peers = Array.from({ length: 100 }, () => mesh.rawTo(port).write("GET / HTTP/1.1\r\n"));
    await Promise.all(peers.map((peer) => peer.untilOver()));
    // Every worker's lines are here once it has answered.
    await mesh.proxy("catalog-1").ask("stats", {});
    const lines = mesh.lines.filter((line) => line.includes("code=plaintext-refused"));
    assert.ok(lines.length >= 1 && lines.length <= 5 * mesh.concurrency, `${lines.length} lines`);
  },
  options,
);
