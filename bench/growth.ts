// `node bench/growth.ts`: what a request costs as the routes of its service grow from 10 to 10,000,
// exact paths and prefixes, in interleaved rounds. The wanted ratio is 1.15 at most.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { measure } from "./load.ts";
import { startOrigin } from "./origin.ts";
import { Crew, type RunningPeer } from "./peer.ts";
import { weftOf } from "./peers/weft.ts";
import { median } from "./report.ts";

const rounds = Number(process.argv[2] ?? 15);
const root = path.resolve(import.meta.dirname, "..");
/** The Gateway API allows a route 128 matches in all; one more tells when the proxy is ready. */
const pathsPerRoute = 120;

/** HTTPRoutes with `count` paths in all, `/r0` to the last. */
function routes(kind: "Exact" | "PathPrefix", count: number): object[] {
  const objects: object[] = [];
  for (let from = 0; from < count; from += pathsPerRoute) {
    const ready = [{ path: { type: "Exact", value: "/" } }];
    const rules: object[] = [{ matches: ready, backendRefs: [{ name: "origin", port: 80 }] }];
    for (let i = from; i < Math.min(from + pathsPerRoute, count); i += 8) {
      const matches = Array.from({ length: Math.min(8, count - i) }, (_, j) => ({
        path: { type: kind, value: `/r${i + j}` },
      }));
      rules.push({ matches, backendRefs: [{ name: "origin", port: 80 }] });
    }
    objects.push({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: `routes-${from}`, namespace: "default" },
      spec: { parentRefs: [{ group: "", kind: "Service", name: "origin" }], rules },
    });
  }
  return objects;
}

interface Grown {
  readonly label: string;
  readonly requestPath: string;
  readonly peer: RunningPeer;
  readonly costs: number[];
}

const dir = mkdtempSync(path.join(tmpdir(), "weft-growth-"));
const origin = new Crew();
const grown: Grown[] = [];
try {
  const originPort = await startOrigin(origin, dir, "one-hop");
  for (const kind of ["Exact", "PathPrefix"] as const) {
    for (const count of [10, 10_000]) {
      const own = path.join(dir, `${kind}-${count}`);
      mkdirSync(own);
      const peer = weftOf(root, "weft", routes(kind, count));
      const running = await peer.start({ topology: "one-hop", originPort, dir: own });
      const label = `${kind}, ${count} routes`;
      grown.push({ label, requestPath: `/r${count - 1}`, peer: running, costs: [] });
    }
  }
  for (let round = -2; round < rounds; round++) {
    for (const { requestPath, peer, costs } of grown) {
      const logFile = path.join(dir, "h2load.log");
      rmSync(logFile, { force: true });
      const load = { connections: 64, rate: 2000, seconds: round < 0 ? 4 : 2, messageFile: null };
      const measured = await measure(peer, { ...load, path: requestPath, logFile });
      if (measured.failed > 0) throw new Error(`${measured.failed} requests failed`);
      if (round >= 0) costs.push(measured.cpuMicros);
    }
  }
  for (const { label, costs } of grown) console.log(`${label}: ${median(costs).toFixed(1)} µs`);
  for (const i of [0, 2]) {
    const [few, many] = [grown[i] as Grown, grown[i + 1] as Grown];
    const ratio = median(many.costs.map((cost, at) => cost / (few.costs[at] as number)));
    console.log(`${many.label} cost ${ratio.toFixed(3)} × ${few.label}`);
  }
} finally {
  for (const { peer } of grown) await peer.stop();
  await origin.stop();
  rmSync(dir, { recursive: true, force: true });
}
