import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { connect, createSecureContext, TLSSocket } from "node:tls";
import { behaviour, eventually, type Mesh } from "./harness.ts";

const upstreams = [{ name: "VAULT", service: "vault", namespace: "default", port: null }];
const options = { upstreams };

/** Both programs end TLS themselves, with a certificate of theirs, and say who they are. */
async function serveTls(mesh: Mesh): Promise<void> {
  for (const name of ["vault-1", "wide-1"]) {
    const { keyPem, chainPem } = await mesh.authority.issue(`spiffe://weft.local/${name}`);
    const secureContext = createSecureContext({ key: keyPem, cert: chainPem });
    mesh.program(name).onSocket = (socket) => {
      const secure = new TLSSocket(socket, { isServer: true, secureContext });
      secure.on("data", (bytes: Buffer) => secure.end(`${name} took ${bytes.length}`));
      secure.on("error", () => {});
    };
  }
}

function portOf(mesh: Mesh): number {
  return Number((mesh.proxy("web").ports.upstreams["VAULT"] ?? "").split(":")[1]);
}

/** The inside of a CONNECT tunnel to the service. */
async function tunnel(mesh: Mesh): Promise<Socket> {
  const socket = connectTcp({ port: mesh.proxy("web").ports.outbound, host: "127.0.0.1" });
  socket.write("CONNECT vault:443 HTTP/1.1\r\nhost: vault:443\r\n\r\n");
  const [head] = (await once(socket, "data")) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1\.1 200 /);
  return socket;
}

/** What the program inside says, or the code of the error. */
async function ask(socket: Socket, servername: string): Promise<string> {
  const secure = connect({ socket, servername, rejectUnauthorized: false });
  let text = "";
  secure.on("error", (error: NodeJS.ErrnoException) => (text ||= error.code ?? "error"));
  secure.on("data", (bytes: Buffer) => (text += bytes.toString()));
  secure.on("secureConnect", () => secure.write("x".repeat(50_000)));
  await new Promise((resolve) => secure.once("close", resolve));
  return text.replace(/took \d+/, "took");
}

async function dribble(socket: Socket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += at === 0 ? 1 : 90) {
    socket.write(bytes.subarray(at, at === 0 ? 1 : at + 90));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** What is first written to it goes out in segments of 90 bytes, the first of one byte. */
async function inPieces(port: number): Promise<Socket> {
  const server = createServer((near) => {
    const far = connectTcp({ port, host: "127.0.0.1", noDelay: true });
    near.once("data", (bytes: Buffer) => {
      near.pause();
      void dribble(far, bytes).then(() => near.pipe(far));
    });
    far.pipe(near);
    far.on("error", () => near.destroy());
    near.on("error", () => far.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connectTcp({ port: (server.address() as { port: number }).port });
  server.once("connection", () => server.close());
  return socket;
}

behaviour(
  "the server name chooses the service, and its TLS is ended by the program alone",
  import.meta.url,
  async (mesh) => {
    await serveTls(mesh);
    const dial = (): Socket => connectTcp({ port: portOf(mesh), host: "127.0.0.1" });
    for (const open of [dial, () => tunnel(mesh), () => inPieces(portOf(mesh))]) {
      assert.equal(await ask(await open(), "own.example.com"), "vault-1 took");
      assert.equal(await ask(await open(), "OTHER.example.com"), "wide-1 took");
      assert.equal(await ask(await open(), "a.b.example.com"), "wide-1 took");
      mesh.lines.length = 0;
      assert.match(await ask(await open(), "elsewhere.test"), /UNRECOGNIZED_NAME/);
      await eventually(() => mesh.lines.some((line) => line.includes("code=no-server-name")));
      assert.match(mesh.lines.join("\n"), /code=no-server-name .*serverName=elsewhere\.test/);
    }
  },
  options,
);

behaviour(
  "what is no ClientHello, or none of a sane length, is refused (H54)",
  import.meta.url,
  async (mesh) => {
    await serveTls(mesh);
    const decodeError = "\x15\x03\x01\x00\x02\x02\x32";
    const cases: readonly [bytes: string, answer: string, line: RegExp][] = [
      ["SSH-2.0-x\r\n", "", /code=no-server-name/],
      ["\x16\x03\x01\x00\x05hello", decodeError, /bad-client-hello .*malformed/],
      ["\x16\x03\x01\x3f\xff\x01\x01\x00\x00", decodeError, /too long/],
    ];
    for (const [bytes, answer, line] of cases) {
      mesh.lines.length = 0;
      const connection = mesh.rawTo(portOf(mesh)).write(bytes);
      await connection.untilOver();
      assert.equal(connection.text, answer);
      await eventually(() => mesh.lines.some((one) => line.test(one)));
    }
  },
  options,
);

behaviour(
  "a ClientHello that is not whole after five seconds is given up (H54)",
  import.meta.url,
  async (mesh) => {
    const slow = mesh.rawTo(portOf(mesh)).write("\x16\x03\x01\x02\x00\x01");
    const beganAtMs = performance.now();
    await slow.untilOver(9_000);
    assert.ok(performance.now() - beganAtMs > 4_000);
    await eventually(() => mesh.lines.some((one) => /bad-client-hello .*in time/.test(one)));
  },
  options,
);
