// Endpoints that go silent with requests under way: they are asked by a PING, and given up when
// they do not answer (docs/decisions/0055). The times are shortened in the cluster.

import assert from "node:assert/strict";
import { typeUrls } from "@weft/xds";
import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { HttpProtocolOptions } from "@weft/xds/messages/envoy/extensions/upstreams/http/v3/http_protocol_options.js";
import { behaviour, eventually, type Mesh, type MeshOptions } from "./harness.ts";
import {
  frame,
  frameFlag,
  frameType,
  type RawServerConnection,
  type ReceivedFrame,
  speakFrames,
  status200,
} from "./http2-program.ts";

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

function seconds(ms: number): { seconds: bigint; nanos: number } {
  return { seconds: 0n, nanos: ms * 1_000_000 };
}

/** Asks after half a second of silence, and waits half a second. */
function withKeepalive(bytes: Uint8Array): Uint8Array {
  const cluster = Cluster.decode(bytes);
  const config = cluster.typedExtensionProtocolOptions[httpOptions];
  assert.ok(config !== undefined);
  const http = HttpProtocolOptions.decode(config.value);
  const upstream = http.upstreamProtocolOptions;
  assert.equal(upstream?.$case, "explicitHttpConfig");
  const spoken = upstream.explicitHttpConfig.protocolConfig;
  assert.equal(spoken?.$case, "http2ProtocolOptions");
  spoken.http2ProtocolOptions.connectionKeepalive = {
    interval: seconds(500),
    timeout: seconds(500),
    intervalJitter: undefined,
    connectionIdleInterval: undefined,
  };
  config.value = Buffer.from(HttpProtocolOptions.encode(http).finish());
  return Cluster.encode(cluster).finish();
}

const options: MeshOptions = {
  edit: (typeUrl, name, bytes) =>
    typeUrl === typeUrls.cluster && name.startsWith("bare.") ? withKeepalive(bytes) : bytes,
};

function isRequest({ type }: ReceivedFrame): boolean {
  return type === frameType.headers;
}

function isPing({ type, flags }: ReceivedFrame): boolean {
  return type === frameType.ping && flags === 0;
}

function answer(self: RawServerConnection, streamId: number): void {
  const flags = frameFlag.endHeaders | frameFlag.endStream;
  self.write(frame(frameType.headers, flags, streamId, status200));
}

/** Its first connection answers one request, and is then as dead; the others serve. */
async function dieOnce(mesh: Mesh): Promise<RawServerConnection[]> {
  const connections: RawServerConnection[] = [];
  const dead = speakFrames(mesh.program("bare-1"), (received, self) => {
    if (!connections.includes(self)) connections.push(self);
    const isDying = self === dead[0] && self.frames.filter(isRequest).length > 1;
    if (isRequest(received) && !isDying) answer(self, received.streamId);
  });
  await mesh.spoken("bare-1");
  assert.equal((await mesh.send("web", "http://bare/")).status, 200);
  return dead;
}

behaviour(
  "an endpoint that falls silent is given up: what may be sent again is, the rest is 503 UC",
  import.meta.url,
  async (mesh) => {
    const connections = await dieOnce(mesh);
    const [read, written] = await Promise.all([
      mesh.send("web", "http://bare/read"),
      mesh.send("web", "http://bare/write", { method: "POST", body: "once" }),
    ]);
    assert.equal(read.status, 200, read.flag);
    assert.deepEqual([written.status, written.flag], [503, "UC"]);
    const [dead, fresh] = connections;
    assert.ok(dead !== undefined && fresh !== undefined);
    assert.equal(dead.frames.filter(isPing).length, 1);
    await eventually(() => dead.isClosed);
    assert.equal(fresh.frames.filter(isRequest).length, 1);
    const line = mesh.lines.find((one) => one.includes("upstream-silent"));
    assert.match(line ?? "", / warn /);
  },
  options,
  [1],
);

behaviour(
  "an endpoint that answers PINGs may take its time",
  import.meta.url,
  async (mesh) => {
    let pingCount = 0;
    let request: { self: RawServerConnection; streamId: number } | null = null;
    speakFrames(mesh.program("bare-1"), (received, self) => {
      if (isRequest(received)) request = { self, streamId: received.streamId };
      if (!isPing(received)) return;
      pingCount++;
      self.write(frame(frameType.ping, frameFlag.ack, 0, received.payload));
      if (pingCount === 2 && request !== null) answer(request.self, request.streamId);
    });
    await mesh.spoken("bare-1");
    assert.equal((await mesh.send("web", "http://bare/")).status, 200);
    assert.equal(mesh.program("bare-1").connectionCount, 1);
  },
  options,
  [1],
);
