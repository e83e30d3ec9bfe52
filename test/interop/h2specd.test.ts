// h2specd, h2spec's part for clients, against our upstream side through a whole proxy: every case
// is a server on a port of its own, and here a service of its own. Plain by prior knowledge, and
// over TLS by ALPN, where h2specd shows an SVID and asks for none. Its report says what it saw of
// us.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "@weft/runtime";
import { Mesh, parse } from "../conformance/harness.ts";
import { hasPart } from "../harness/parts.ts";
import { eventually, start } from "../harness/processes.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const program = `${root}.cache/h2spec/h2specd`;
const caseCount = 57;
/** Its cases listen on consecutive ports; where they begin is tried below those of clients. */
const firstPorts = { min: 20_000, count: 10_000 };
const startsMax = 10;

interface Case {
  readonly port: number;
  readonly outcome: "passed" | "failed" | "none";
  /** What it does, and where it failed what it saw. */
  readonly text: string;
}

/** Its report: a page, with a line for each case and lines of explanation below one that failed. */
async function report(port: number): Promise<Case[]> {
  const page = await body(port, "/report");
  const line = /<span[^>]*>(.*?)<\/span><a href="\w+:\/\/[^":]+:(\d+)\/"[^>]*>(.*?)(?=<span|$)/g;
  return [...page.matchAll(line)].map(([, mark, casePort, text = ""]) => ({
    port: Number(casePort),
    outcome: mark === "✔" ? "passed" : mark === "✖" ? "failed" : "none",
    text: text.replaceAll(/<[^>]*>|&nbsp;/g, " ").replaceAll(/ +/g, " "),
  }));
}

function body(port: number, target: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path: target, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (more: string) => (text += more));
      response.on("end", () => resolve(text));
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** The port of its report, once it and all its cases listen. */
async function startCases(context: TestContext, more: readonly string[]): Promise<number> {
  for (let left = startsMax; ; left--) {
    const reportPort = await freePort();
    const firstPort = firstPorts.min + Math.floor(Math.random() * firstPorts.count);
    const ports = ["-h", "127.0.0.1", "-p", String(reportPort), "-f", String(firstPort)];
    const started = start(context, program, [...ports, "-o", "1", ...more]);
    try {
      await started.printed(/Report server is listened/);
      return reportPort;
    } catch (error) {
      // A port of the row was taken.
      if (left === 0) throw error;
    }
  }
}

/** A service for each case, reached at its port as it is. */
function announce(mesh: Mesh, cases: readonly Case[], isTls: boolean): void {
  for (const { port } of cases) {
    const name = `case-${port}`;
    const at = { name: "http2", port, protocol: "HTTP2", ...(isTls ? { meshPort: port } : {}) };
    mesh.control.put({
      kind: "Service",
      metadata: { name },
      spec: {
        selector: { "weft.dev/service": name },
        ports: [{ name: "http2", port: 80, targetPort: "http2", appProtocol: "kubernetes.io/h2c" }],
      },
    });
    mesh.announce({
      kind: "Workload",
      metadata: { name, labels: { "weft.dev/service": name } },
      spec: { serviceAccount: "spec", address: "127.0.0.1", ports: [at] },
    });
  }
}

/** A request for every case; what h2specd says of all of them. */
async function judge(context: TestContext, isTls: boolean): Promise<void> {
  const mesh = await Mesh.open(parse("kind: Workload\nmetadata: { name: web }\n"), 1, {});
  try {
    const dir = mkdtempSync(path.join(tmpdir(), "weft-h2specd-"));
    context.after(() => rmSync(dir, { recursive: true, force: true }));
    const identity = await mesh.authority.issue("spiffe://weft.local/ns/default/sa/spec");
    writeFileSync(path.join(dir, "cert"), identity.chainPem);
    writeFileSync(path.join(dir, "key"), identity.keyPem);
    const tls = ["-t", "-c", path.join(dir, "cert"), "-k", path.join(dir, "key")];
    const reportPort = await startCases(context, isTls ? tls : []);
    const cases = await report(reportPort);
    assert.equal(cases.length, caseCount);
    announce(mesh, cases, isTls);
    await mesh.settled();
    // Some cases end with no answer at all: the client's then comes from the proxy, or from nobody.
    await Promise.allSettled(
      cases.map(({ port }) => mesh.send("web", `http://case-${port}/`, { timeoutMs: 8_000 })),
    );
    const after = await eventually("every case has ended", async () => {
      const all = await report(reportPort);
      return all.every(({ outcome }) => outcome !== "none") ? all : null;
    });
    const failed = after.filter(({ outcome }) => outcome === "failed");
    assert.deepEqual(
      failed.map(({ text }) => text),
      [],
    );
  } finally {
    await mesh.close();
  }
}

for (const [how, isTls] of [
  ["plain", false],
  ["over mutual TLS", true],
] as const) {
  test(`h2specd finds nothing in our requests, ${how}`, async (context) => {
    if (!hasPart(context, "h2spec", existsSync(program), "npm run setup:test")) return;
    await judge(context, isTls);
  });
}
