// How many HTTP/2 connections an endpoint gets: one until it holds more than 100 streams, or more
// than 1 MiB that its peer does not take, then another, never more than `maxConnections` (record
// 0055). Pools belong to a worker, so one worker shows the rule.

import assert from "node:assert/strict";
import type { ServerHttp2Stream } from "node:http2";
import { behaviour, eventually, type Mesh, type RawConnection } from "./harness.ts";
import {
  frame,
  frameFlag,
  frameType,
  Http2Program,
  type RawServerConnection,
  speakFrames,
  status200,
} from "./http2-program.ts";

const bodyBytes = 60 * 1024;
const queuedMax = 1024 * 1024;
const oneConnection = "circuitBreaker: { maxConnections: 1 }";

function limit(service: string, settings: string): string {
  return `
kind: TrafficPolicy
metadata: { name: ${service} }
spec:
  targetRefs: [{ group: "", kind: Service, name: ${service} }]
  ${settings}
`;
}

/** So many requests at once; says how many connections they took. */
async function hold(mesh: Mesh, service: string, counts: readonly number[]): Promise<number[]> {
  const program = new Http2Program(mesh.program(`${service}-1`));
  await mesh.spoken(`${service}-1`);
  const streams: ServerHttp2Stream[] = [];
  program.onStream = (stream) => void streams.push(stream);
  const sent: Promise<{ status: number; flag: string }>[] = [];
  const seen: number[] = [];
  for (const count of counts) {
    while (sent.length < count) sent.push(mesh.send("web", `http://${service}/`));
    await eventually(() => streams.length === count);
    seen.push(await mesh.openTo(service));
  }
  for (const stream of streams) {
    stream.respond({ ":status": 200 });
    stream.end();
  }
  for (const { status, flag } of await Promise.all(sent)) assert.equal(status, 200, flag);
  return seen;
}

for (const service of ["bare", "meshed"]) {
  behaviour(
    `a hundred streams fill a connection, ${service}`,
    import.meta.url,
    async (mesh) => {
      await mesh.apply(limit(service, oneConnection));
      assert.deepEqual(await hold(mesh, service, [100, 120]), [1, 1]);
      await mesh.delete("TrafficPolicy", service);
      assert.deepEqual(await hold(mesh, service, [100, 101, 200]), [1, 2, 2]);
    },
    {},
    [1],
  );
}

/** A program that takes nothing of any content. */
function takeNothing(mesh: Mesh): RawServerConnection[] {
  const noWindow = Buffer.from([0, 4, 0, 0, 0, 0]);
  return speakFrames(
    mesh.program("bare-1"),
    () => {},
    (self) => self.write(frame(frameType.settings, 0, 0, noWindow)),
  );
}

function requestsOn(connections: readonly RawServerConnection[]): number[] {
  return connections.map(
    ({ frames }) => frames.filter(({ type }) => type === frameType.headers).length,
  );
}

/** A request whose content is in the proxy, all of it, when this resolves. */
async function post(mesh: Mesh, length: number): Promise<RawConnection> {
  const head = `POST / HTTP/1.1\r\nhost: bare\r\ncontent-length: ${length}\r\n\r\n`;
  const connection = mesh.raw("web").write(head + "x".repeat(length));
  await eventually(() => connection.socket.bytesWritten === head.length + length);
  // The worker has gone round its sockets by the time it has answered others.
  for (let i = 0; i < 2; i++) await mesh.send("web", "http://nobody/");
  return connection;
}

/** Holds `queuedMax` bytes to the byte, then one more: what another request then finds. */
async function fill(mesh: Mesh): Promise<number[][]> {
  const connections = takeNothing(mesh);
  await mesh.spoken("bare-1");
  const posts: RawConnection[] = [];
  // Its SETTINGS must be there before the first content is.
  const first = mesh.raw("web").write("GET / HTTP/1.1\r\nhost: bare\r\n\r\n");
  await eventually(() => connections[0]?.frames.some(({ flags }) => flags === 1) === true);
  for (let left = queuedMax; left > 0; left -= bodyBytes) {
    posts.push(await post(mesh, Math.min(left, bodyBytes)));
  }
  const seen = [requestsOn(connections)];
  const total = posts.length + 1;
  posts.push(await post(mesh, 1));
  await eventually(() => requestsOn(connections)[0] === total + 1);
  seen.push(requestsOn(connections));
  for (let i = 0; i < 2; i++) {
    posts.push(mesh.raw("web").write("GET / HTTP/1.1\r\nhost: bare\r\n\r\n"));
    await eventually(() => sumOf(requestsOn(connections)) === total + 2 + i);
    await eventually(async () => (await mesh.openTo("bare")) === connections.length);
  }
  seen.push(requestsOn(connections));
  for (const self of connections) {
    for (const { type, streamId } of self.frames) {
      if (type !== frameType.headers) continue;
      const ends = frameFlag.endHeaders | frameFlag.endStream;
      self.write(frame(frameType.headers, ends, streamId, status200));
    }
  }
  for (const one of [first, ...posts]) {
    await one.until(({ text }) => text.startsWith("HTTP/1.1 200 "));
  }
  return seen;
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

behaviour(
  "1 MiB that the peer does not take fills a connection, and one byte more opens another",
  import.meta.url,
  async (mesh) => {
    const whole = Math.ceil(queuedMax / bodyBytes) + 1;
    // The request that finds it full is still served by it; the next one by the other.
    const [atLimit, above, after] = await fill(mesh);
    assert.deepEqual(atLimit, [whole]);
    assert.deepEqual(above, [whole + 1]);
    assert.deepEqual(after, [whole + 2, 1]);
    await mesh.apply(limit("bare", oneConnection));
    const limited = await fill(mesh);
    assert.deepEqual(limited, [[whole], [whole + 1], [whole + 3]]);
  },
  {},
  [1],
);
