// Certificates that are refused, by OpenSSL's own client and server on the other side: what the
// peer sees, and the one line with a stable code that says why (docs/reference/errors.md).

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProxyIdentity } from "@weft/proxy";
import { TestAuthority } from "./certificates.ts";
import { behaviour, eventually, type Mesh } from "./harness.ts";

const web = "spiffe://weft.local/ns/default/sa/web";
const odd = "spiffe://weft.local/ns/default/sa/odd";

class OpenSsl {
  output = "";
  isOver = false;
  readonly #process: ChildProcess;

  constructor(args: readonly string[], input = "") {
    this.#process = spawn("openssl", args, { stdio: ["pipe", "pipe", "pipe"] });
    const hear = (bytes: Buffer): void => {
      this.output += bytes.toString("latin1");
    };
    this.#process.stdout?.on("data", hear);
    this.#process.stderr?.on("data", hear);
    this.#process.stdin?.on("error", () => {});
    if (input !== "") this.#process.stdin?.write(input);
    this.#process.on("close", () => {
      this.isOver = true;
    });
  }

  stop(): void {
    this.#process.kill();
  }
}

/** Runs with the files of an identity; they are gone afterwards. */
async function withFiles(
  identity: ProxyIdentity,
  run: (key: string, chain: string, roots: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "weft-certificates-"));
  const files = ["key.pem", "chain.pem", "roots.pem"].map((name) => join(folder, name));
  const [key = "", chain = "", roots = ""] = files;
  writeFileSync(key, identity.keyPem, { mode: 0o600 });
  writeFileSync(chain, identity.chainPem);
  writeFileSync(roots, identity.rootsPem);
  try {
    await run(key, chain, roots);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What `openssl s_client` says until the connection is over. */
async function ask(port: number, args: readonly string[]): Promise<string> {
  const to = ["s_client", "-connect", `127.0.0.1:${port}`, "-ign_eof", ...args];
  const client = new OpenSsl(to, "GET / HTTP/1.1\r\nhost: catalog\r\n\r\n");
  await eventually(() => client.isOver, 10_000);
  return client.output;
}

async function logged(mesh: Mesh, code: string): Promise<string> {
  const found = (): string[] => mesh.lines.filter((line) => line.includes(` code=${code} `));
  await eventually(() => found().length > 0);
  const [line = ""] = found();
  assert.match(line, / warn /);
  mesh.lines.length = 0;
  return line;
}

behaviour(
  "a client whose certificate is refused gets no answer, and the log says why",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("catalog-1");
    mesh.lines.length = 0;
    // OpenSSL itself refuses a client without a certificate, and says so.
    assert.match(await ask(port, []), /alert certificate required|SSL alert number 116/);
    assert.match(await logged(mesh, "certificate-missing"), /peer=127\.0\.0\.1/);
    // Node verifies after the handshake, when no alert can be sent any more.
    const stranger = await (await TestAuthority.create()).issue(web);
    await withFiles(stranger, async (key, chain) => {
      const said = await ask(port, ["-key", key, "-cert", chain]);
      assert.match(said, /unexpected eof|errno/);
      assert.doesNotMatch(said, /HTTP\/1\.1 \d/);
    });
    assert.match(await logged(mesh, "certificate-invalid"), /reason=CERT_SIGNATURE_FAILURE/);
    const own = await mesh.authority.issue(web);
    await withFiles(own, async (key, chain) => {
      const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-ign_eof"];
      const more = ["-key", key, "-cert", chain];
      const client = new OpenSsl([...args, ...more], "GET / HTTP/1.1\r\nhost: catalog\r\n\r\n");
      await eventually(() => client.output.includes("HTTP/1.1 200 OK"));
      client.stop();
    });
    assert.equal(mesh.lines.length, 0, mesh.lines.join("\n"));
  },
  {},
  [1],
);

/** An endpoint of the service that is OpenSSL's server. */
async function serveOdd(
  mesh: Mesh,
  identity: ProxyIdentity,
  trusted: string,
  run: () => Promise<void>,
): Promise<void> {
  await withFiles({ ...identity, rootsPem: trusted }, async (key, chain, roots) => {
    const own = ["-key", key, "-cert", chain, "-CAfile", roots];
    const demands = ["-Verify", "1", "-verify_return_error", "-www"];
    const server = new OpenSsl(["s_server", "-accept", "127.0.0.1:0", ...own, ...demands]);
    try {
      await eventually(() => /ACCEPT \S+:\d+/.test(server.output));
      const meshPort = Number(/ACCEPT \S+:(\d+)/.exec(server.output)?.[1]);
      mesh.announce({
        kind: "Workload",
        metadata: { name: "odd-1", labels: { "weft.dev/service": "odd" } },
        spec: {
          serviceAccount: "odd",
          address: "127.0.0.1",
          ports: [{ name: "http", port: 1, protocol: "HTTP", meshPort }],
        },
      });
      await mesh.settled();
      mesh.lines.length = 0;
      await run();
    } finally {
      server.stop();
      await mesh.delete("Workload", "odd-1");
    }
  });
}

behaviour(
  "an endpoint whose certificate is refused, or that refuses ours, is one line too",
  import.meta.url,
  async (mesh) => {
    const other = await TestAuthority.create();
    await serveOdd(mesh, await other.issue(odd), mesh.authority.rootsPem, async () => {
      const { status, flag } = await mesh.send("web", "http://odd/");
      assert.deepEqual([status, flag], [503, "UID"]);
      assert.match(
        await logged(mesh, "endpoint-certificate"),
        /cluster=odd\S* endpoint=127\S+ reason=CERT_SIGNATURE_FAILURE/,
      );
    });
    await serveOdd(mesh, await mesh.authority.issue(odd), other.rootsPem, async () => {
      const { status, flag } = await mesh.send("web", "http://odd/");
      assert.equal(status, 503);
      assert.match(flag, /^(UC|UF)$/);
      assert.match(await logged(mesh, "endpoint-tls"), /cluster=odd\S* .*reason=ERR_SSL_\S*ALERT/);
    });
  },
  {},
  [1],
);
