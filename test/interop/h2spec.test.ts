// h2spec, every case of its strict run, against the inbound side of a proxy: plain by prior
// knowledge, and over mutual TLS by ALPN. h2spec has no client certificate: a small relay in
// between has one, and passes bytes both ways as they are. `npm run h2spec` runs this alone.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Mesh, parse } from "../conformance/harness.ts";
import { hasPart } from "../harness/parts.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
/** Another build may be named, e.g. of a later version. */
const program = process.env["H2SPEC"] ?? `${root}.cache/h2spec/h2spec`;
const caseCount = 146;

/** Cases that ask for what RFC 9113 took back, with the reason. */
const exceptions: ReadonlyMap<string, string> = new Map();

interface Outcome {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly text: string;
}

function run(port: number, ...more: string[]): Promise<Outcome> {
  const args = ["-S", "-h", "127.0.0.1", "-p", String(port), "-P", "/x", ...more];
  return new Promise((resolve) => {
    execFile(program, args, { maxBuffer: 1e8 }, (_error, text) => {
      const found = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(text);
      const failures = text.split("Failures:")[1] ?? "";
      const failed = [...failures.matchAll(/× \d+: (.*)/g)].map(([, title]) => title ?? "");
      resolve({ passed: Number(found?.[2] ?? 0), failed: [...new Set(failed)], text });
    });
  });
}

/** Ends TLS and speaks mutual TLS to the port, with the same ALPN. */
async function withCertificate(mesh: Mesh, port: number): Promise<Server> {
  const client = await mesh.authority.issue("spiffe://weft.local/ns/default/sa/web");
  const tls = { key: client.keyPem, cert: client.chainPem, ca: client.rootsPem };
  const server = createServer({ ...tls, ALPNProtocols: ["h2"], allowHalfOpen: true }, (down) => {
    const up = connect({
      ...tls,
      port,
      host: "127.0.0.1",
      ALPNProtocols: ["h2"],
      checkServerIdentity: () => undefined,
    });
    join(down, up);
    join(up, down);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function join(from: TLSSocket, to: TLSSocket): void {
  from.on("data", (bytes: Buffer) => to.write(bytes));
  from.on("end", () => to.end());
  from.on("close", () => to.destroySoon());
  from.on("error", () => to.destroy());
}

function check(outcome: Outcome): void {
  const unexpected = outcome.failed.filter((title) => !exceptions.has(title));
  assert.deepEqual(unexpected, [], outcome.text.slice(outcome.text.indexOf("Failures:")));
  assert.ok(outcome.passed + outcome.failed.length >= caseCount, `${outcome.passed} passed`);
}

test("h2spec finds nothing at an inbound port, plain and over mutual TLS", async (context) => {
  if (!hasPart(context, "h2spec", existsSync(program), "npm run setup:test")) return;
  const yaml = fileURLToPath(new URL("h2spec.yaml", import.meta.url));
  const mesh = await Mesh.open(parse(readFileSync(yaml, "utf8")), 1, {});
  try {
    const port = mesh.inbound("app-1");
    const relay = await withCertificate(mesh, port);
    const { port: relayPort } = relay.address() as { port: number };
    const [plain, tls] = await Promise.all([run(port), run(relayPort, "-t", "-k")]);
    relay.close();
    check(plain);
    check(tls);
  } finally {
    await mesh.close();
  }
});
