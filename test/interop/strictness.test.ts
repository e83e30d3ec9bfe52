// The same requests, raw in HTTP/1 and frame by frame in HTTP/2, through us, nginx and HAProxy:
// what one of them refuses we refuse too, or strictness.yaml says why not.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { parse } from "yaml";
import { Mesh, parse as parseObjects } from "../conformance/harness.ts";
import { cut, refused } from "../conformance/http1-request-cases.ts";
import { fatal, refused as refusedHttp2 } from "../conformance/http2-request-cases.ts";
import { hasPart } from "../harness/parts.ts";
import { bordering, http2Bordering, type Http2Input } from "./strictness-cases.ts";
import {
  isTaken,
  isTakenHttp2,
  startOrigin,
  startPeers,
  type StrictPeer,
} from "./strictness-peers.ts";

const http2Inputs: readonly Http2Input[] = [
  ...http2Bordering,
  ...[...refusedHttp2, ...fatal].map(({ id, send }) => ({ id, say: send })),
];

const objects = `
kind: Service
metadata: { name: app }
spec:
  selector: { weft.dev/service: app }
  ports: [{ name: http, port: 80, targetPort: http, appProtocol: http }]
---
kind: Workload
metadata: { name: app-1, labels: { weft.dev/service: app } }
spec: { serviceAccount: app, ports: [{ name: http }] }
---
kind: Workload
metadata: { name: web }
`;

test("we are never laxer than the stricter of nginx and HAProxy", async (context) => {
  const fix = "npm run setup:test installs it";
  if (!hasPart(context, "nginx", existsSync("/usr/sbin/nginx"), fix)) return;
  if (!hasPart(context, "haproxy", existsSync("/usr/sbin/haproxy"), fix)) return;
  const file = path.join(import.meta.dirname, "strictness.yaml");
  const listed = parse(readFileSync(file, "utf8")) as { id: string; reason: string }[];
  const reasons = new Map(listed.map(({ id, reason }) => [id, reason]));
  const origin = await startOrigin(context);
  const peers = await startPeers(context, (origin.address() as { port: number }).port);
  const mesh = await Mesh.open(parseObjects(objects), 1, {});
  context.after(() => mesh.close());
  await mesh.speak("app-1", (socket) => origin.emit("connection", socket));
  const ours = [mesh.proxy("web").ports.outbound, mesh.inbound("app-1")];
  const laxer: string[] = [];
  const taken = new Set<string>();
  const compare = async (
    id: string,
    isTakenAt: (port: number) => Promise<boolean>,
    ports: (peer: StrictPeer) => number,
  ): Promise<void> => {
    const own = await Promise.all(ours.map(isTakenAt));
    if (!own.includes(true)) return;
    taken.add(id);
    for (const peer of peers) {
      if (await isTakenAt(ports(peer))) continue;
      if (!reasons.delete(`${id}, ${peer.name}`)) laxer.push(`${id}, ${peer.name}`);
    }
  };
  await Promise.all([
    ...[...refused, ...cut, ...bordering].map(({ id, bytes }) =>
      compare(
        `HTTP/1: ${id}`,
        (port) => isTaken(port, bytes),
        (peer) => peer.http1Port,
      ),
    ),
    ...http2Inputs.map(({ id, say }) =>
      compare(
        `HTTP/2: ${id}`,
        (port) => isTakenHttp2(port, say),
        (peer) => peer.http2Port,
      ),
    ),
  ]);
  for (const id of ["HTTP/1: plain", "HTTP/1: trailers", "HTTP/2: plain", "HTTP/2: crumbs"]) {
    assert.ok(taken.has(id), `${id} is legal`);
  }
  assert.deepEqual(laxer.sort(), []);
  assert.deepEqual([...reasons.keys()], [], "listed without need");
});
