import assert from "node:assert/strict";
import { connect, type TLSSocket } from "node:tls";
import { behaviour, type Mesh } from "./harness.ts";

const request =
  "GET /x HTTP/1.1\r\nhost: catalog\r\nx-forwarded-client-cert: URI=spiffe://weft.local/ns/a/sa/liar\r\n\r\n";

function mode(value: string): string {
  return `
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: ${value} } }
`;
}

/** Speaks TLS to an inbound port as somebody; resolves with what came back, or the error's code. */
async function speakTls(
  mesh: Mesh,
  port: number,
  spiffeId: string | null,
  servername?: string,
): Promise<string> {
  const identity = await mesh.authority.issue(spiffeId ?? "spiffe://weft.local/ns/x/sa/x");
  const socket: TLSSocket = connect({
    host: "127.0.0.1",
    port,
    ca: mesh.authority.rootsPem,
    checkServerIdentity: () => undefined,
    ...(servername === undefined ? {} : { servername }),
    ...(spiffeId === null ? {} : { key: identity.keyPem, cert: identity.chainPem }),
  });
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString();
    if (text.includes('"body":""}')) socket.destroy();
  });
  socket.on("secureConnect", () => socket.write(request));
  let code = "";
  socket.on("error", (error: NodeJS.ErrnoException) => {
    code = error.code ?? "error";
  });
  await new Promise((resolve) => socket.once("close", resolve));
  return text === "" ? `closed ${code}` : text;
}

behaviour(
  "Permissive takes TLS with identity and plaintext without",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("catalog-1");
    const plain = mesh.rawTo(port).write(request);
    await plain.until(({ text }) => text.includes('"body":""}'));
    assert.match(plain.text, /^HTTP\/1\.1 200/);
    assert.ok(!plain.text.includes("spiffe://"), "no identity that nobody proved");
    const secure = await speakTls(mesh, port, "spiffe://weft.local/ns/default/sa/web");
    assert.match(secure, /^HTTP\/1\.1 200/);
    assert.match(secure, /URI=spiffe:\/\/weft\.local\/ns\/default\/sa\/web/);
    assert.ok(!secure.includes("liar"));
    assert.match(await speakTls(mesh, port, null), /^closed/, "TLS without a certificate");
  },
);

behaviour(
  "the server name a peer asks for decides nothing, so none can be misdirected by it (H55)",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("catalog-1");
    const stable = (text: string): string =>
      text.replaceAll(/^date: .*$|"x-request-id":"\w+"/gim, "").replaceAll(/Hash=\w+/g, "");
    const web = "spiffe://weft.local/ns/default/sa/web";
    const named = stable(await speakTls(mesh, port, web, "catalog"));
    assert.match(named, /^HTTP\/1\.1 200/);
    for (const other of ["other", "a.example", "x".repeat(63)]) {
      assert.equal(stable(await speakTls(mesh, port, web, other)), named, other);
    }
  },
);

behaviour(
  "Strict closes plaintext without an answer, at once and for connections that were open (H56)",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("catalog-1");
    const open = mesh.rawTo(port).write(request);
    await open.until(({ text }) => text.includes('"body":""}'));
    await mesh.apply(mode("Strict"));
    const plain = mesh.rawTo(port).write(request);
    await plain.untilOver();
    assert.equal(plain.text, "");
    open.text = "";
    open.write(request);
    await open.untilOver();
    assert.ok(!open.text.includes("200 OK"), open.text);
    assert.equal((await mesh.send("web", "http://catalog/")).status, 200);
  },
);

behaviour("Disable offers no TLS", import.meta.url, async (mesh) => {
  await mesh.apply(mode("Disable"));
  const port = mesh.inbound("catalog-1");
  assert.match(await speakTls(mesh, port, "spiffe://weft.local/ns/default/sa/web"), /^closed/);
  const plain = mesh.rawTo(port).write(request);
  await plain.until(({ text }) => text.includes('"body":""}'));
});

behaviour(
  "a server that speaks first is heard after a short silence",
  import.meta.url,
  async (mesh) => {
    mesh.program("mail-1").onSocket = (socket) => socket.write("220 mail\r\n");
    const connection = mesh.rawTo(mesh.inbound("mail-1", "tcp"));
    const startedAtMs = performance.now();
    await connection.until(({ text }) => text === "220 mail\r\n");
    assert.ok(performance.now() - startedAtMs < 2000);
  },
);

behaviour(
  "an endpoint without a proxy is never dialled when its service demands mutual TLS",
  import.meta.url,
  async (mesh) => {
    assert.equal((await mesh.send("web", "http://old/")).status, 200);
    await mesh.apply(mode("Strict"));
    const answer = await mesh.send("web", "http://old/");
    assert.equal(`${answer.status} ${answer.flag}`, "503 PM");
    assert.equal(mesh.program("old-1").seen.length, 1);
  },
);

behaviour(
  "an endpoint with another identity than expected is not spoken to",
  import.meta.url,
  async (mesh) => {
    mesh
      .proxy("catalog-1")
      .setIdentity(await mesh.authority.issue("spiffe://weft.local/ns/default/sa/impostor"));
    // Other sessions than those already open.
    const answers = [];
    for (let i = 0; i < 4; i++) {
      mesh
        .proxy("web")
        .setIdentity(await mesh.authority.issue("spiffe://weft.local/ns/default/sa/web"));
      answers.push(await mesh.send("web", "http://catalog/"));
    }
    const last = answers.at(-1);
    assert.equal(`${last?.status} ${last?.flag}`, "503 UID");
    assert.ok(!mesh.program("catalog-1").seen.some(({ url }) => url === "/after"));
    mesh
      .proxy("catalog-1")
      .setIdentity(await mesh.authority.issue("spiffe://weft.local/ns/default/sa/catalog"));
  },
);
