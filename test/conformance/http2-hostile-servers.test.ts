// Servers that break HTTP/2's rules, one rule each (RFC 9113, RFC 7541, http-cases 4.2): the client
// gets a clean 502, the server the error code of the rule, its stream or connection ends, and the
// next request is served as if nothing had been. Rules that are easily taken too strictly are here
// too: those servers are answered.

import assert from "node:assert/strict";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import {
  frame,
  frameFlag,
  frameType,
  literal,
  type RawServerConnection,
  settingsFrame,
  speakFrames,
  status200,
} from "./http2-program.ts";

const { data, headers, priority, rst, settings, push, ping, goAway, window, continuation } =
  frameType;
const { ack, endStream, endHeaders, padded } = frameFlag;
const whole = endHeaders | endStream;

const code = {
  protocol: 1,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  compression: 9,
  calm: 11,
} as const;

/** What must become of it. */
type Outcome =
  | { readonly kind: "served" }
  /** GOAWAY with this code, then the end of the connection. */
  | { readonly kind: "connection"; readonly code: number }
  /** RST_STREAM with this code; the connection may live. */
  | { readonly kind: "stream"; readonly code: number };

interface Row {
  readonly name: string;
  readonly outcome: Outcome;
  /** What the server says to a request on that stream. */
  readonly says: (streamId: number) => readonly Buffer[];
  /** The response was whole by then: the client has it. */
  readonly isAnswered?: boolean;
  /** What it says when the connection begins, in place of SETTINGS. */
  readonly begins?: readonly Buffer[];
}

const served: Outcome = { kind: "served" };
const connection = (of: keyof typeof code): Outcome => ({ kind: "connection", code: code[of] });
const stream = (of: keyof typeof code): Outcome => ({ kind: "stream", code: code[of] });

const ok = (streamId: number): Buffer => frame(headers, whole, streamId, status200);
const okHead = (streamId: number): Buffer => frame(headers, endHeaders, streamId, status200);
/** A response of these fields alone. */
const fields = (streamId: number, ...list: Buffer[]): Buffer =>
  frame(headers, whole, streamId, Buffer.concat(list));
const setting = (id: number, value: number): Buffer => {
  const payload = Buffer.alloc(6);
  payload.writeUInt16BE(id, 0);
  payload.writeUInt32BE(value, 2);
  return frame(settings, 0, 0, payload);
};
const eight = Buffer.alloc(8, 1);
const endless = 0x7fff_ffff;
const increment = (streamId: number, by: number): Buffer => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(by, 0);
  return frame(window, 0, streamId, payload);
};

const legal: readonly Row[] = [
  { name: "a frame of unknown type", says: (id: number) => [frame(0x99, 0, 0, eight), ok(id)] },
  { name: "an unknown frame on the stream", says: (id: number) => [frame(0x99, 7, id), ok(id)] },
  { name: "undefined flags", says: (id: number) => [frame(ping, 0xfe, 0, eight), ok(id)] },
  { name: "a PING", says: (id: number) => [frame(ping, 0, 0, eight), ok(id)] },
  { name: "an answer to no PING", says: (id: number) => [frame(ping, ack, 0, eight), ok(id)] },
  { name: "an unknown setting", says: (id: number) => [setting(0xf00d, 1), ok(id)] },
  { name: "PRIORITY", says: (id: number) => [frame(priority, 0, id, [0, 0, 0, 0, 1]), ok(id)] },
  {
    name: "the reserved bit of a stream identifier",
    says: (id: number) => [frame(ping, 0, 0x8000_0000, eight), ok(id)],
  },
  {
    name: "DATA of 16384 bytes",
    says: (id: number) => [okHead(id), frame(data, endStream, id, Buffer.alloc(16_384))],
  },
  {
    name: "padding",
    says: (id: number) => [
      frame(headers, endHeaders | padded, id, Buffer.from([3, ...status200, 0, 0, 0])),
      frame(data, endStream | padded, id, [2, 0x6f, 0, 0]),
    ],
  },
  {
    name: "a header block in five pieces",
    says: (id: number) => [
      frame(headers, endStream, id, status200),
      ...["a", "b", "c"].map((name) => frame(continuation, 0, id, literal(name, "1"))),
      frame(continuation, endHeaders, id, literal("d", "1")),
    ],
  },
  {
    name: "trailers",
    says: (id: number) => [
      okHead(id),
      frame(data, 0, id, eight),
      fields(id, literal("x-sum", "1")),
    ],
  },
].map((row) => ({ ...row, outcome: served }));

const frames: readonly Row[] = [
  {
    name: "DATA above the largest frame",
    outcome: connection("frameSize"),
    says: (id) => [frame(data, 0, id, Buffer.alloc(16_385))],
  },
  {
    name: "HEADERS above the largest frame",
    outcome: connection("frameSize"),
    says: (id) => [frame(headers, whole, id, Buffer.alloc(16_385))],
  },
  { name: "DATA on stream 0", outcome: connection("protocol"), says: () => [frame(data, 0, 0)] },
  {
    name: "HEADERS on stream 0",
    outcome: connection("protocol"),
    says: () => [frame(headers, whole, 0, status200)],
  },
  {
    name: "DATA padded beyond its end",
    outcome: connection("protocol"),
    says: (id) => [okHead(id), frame(data, padded, id, [9, 1, 2])],
    isAnswered: true,
  },
  {
    name: "HEADERS padded beyond their end",
    outcome: connection("protocol"),
    says: (id) => [frame(headers, whole | padded, id, [9, 0x88])],
  },
  {
    name: "HEADERS that answer nothing",
    outcome: connection("protocol"),
    says: (id) => [frame(headers, whole, id + 2, status200)],
  },
  {
    name: "HEADERS of a stream of its own",
    outcome: connection("protocol"),
    says: () => [frame(headers, whole, 2, status200)],
  },
  {
    name: "DATA on an idle stream",
    outcome: connection("protocol"),
    says: (id) => [frame(data, 0, id + 2, eight)],
  },
  {
    name: "RST_STREAM on an idle stream",
    outcome: connection("protocol"),
    says: (id) => [frame(rst, 0, id + 2, [0, 0, 0, 8])],
  },
  {
    name: "WINDOW_UPDATE on an idle stream",
    outcome: connection("protocol"),
    says: (id) => [increment(id + 2, 1)],
  },
  {
    name: "PUSH_PROMISE",
    outcome: connection("protocol"),
    says: (id) => [frame(push, endHeaders, id, Buffer.concat([Buffer.from([0, 0, 0, 2])]))],
  },
  {
    name: "PRIORITY on stream 0",
    outcome: connection("protocol"),
    says: () => [frame(priority, 0, 0, [0, 0, 0, 1, 1])],
  },
  {
    name: "PRIORITY of four bytes",
    outcome: stream("frameSize"),
    says: (id) => [frame(priority, 0, id, [0, 0, 0, 1])],
  },
  {
    name: "RST_STREAM on stream 0",
    outcome: connection("protocol"),
    says: () => [frame(rst, 0, 0, [0, 0, 0, 8])],
  },
  {
    name: "RST_STREAM of three bytes",
    outcome: connection("frameSize"),
    says: (id) => [frame(rst, 0, id, [0, 0, 8])],
  },
  {
    name: "PING of six bytes",
    outcome: connection("frameSize"),
    says: () => [frame(ping, 0, 0, eight.subarray(2))],
  },
  {
    name: "PING on a stream",
    outcome: connection("protocol"),
    says: (id) => [frame(ping, 0, id, eight)],
  },
  {
    name: "GOAWAY on a stream",
    outcome: connection("protocol"),
    says: (id) => [frame(goAway, 0, id, eight)],
  },
  {
    name: "GOAWAY of seven bytes",
    outcome: connection("frameSize"),
    says: () => [frame(goAway, 0, 0, eight.subarray(1))],
  },
];

const settingsAndWindows: readonly Row[] = [
  {
    name: "a window above 2^31-1",
    outcome: connection("flowControl"),
    says: () => [setting(4, 0x8000_0000)],
  },
  { name: "frames too small", outcome: connection("protocol"), says: () => [setting(5, 16_383)] },
  {
    name: "frames too large",
    outcome: connection("protocol"),
    says: () => [setting(5, 16_777_216)],
  },
  { name: "push switched on", outcome: connection("protocol"), says: () => [setting(2, 1)] },
  {
    name: "an acknowledgement with content",
    outcome: connection("frameSize"),
    says: () => [frame(settings, ack, 0, [0])],
  },
  {
    name: "settings acknowledged that were not sent",
    outcome: connection("protocol"),
    says: () => [frame(settings, ack, 0), frame(settings, ack, 0), frame(settings, ack, 0)],
  },
  {
    name: "SETTINGS on a stream",
    outcome: connection("protocol"),
    says: (id) => [frame(settings, 0, id)],
  },
  {
    name: "SETTINGS of five bytes",
    outcome: connection("frameSize"),
    says: () => [frame(settings, 0, 0, [0, 1, 0, 0, 0])],
  },
  {
    name: "a connection window above 2^31-1",
    outcome: connection("flowControl"),
    says: () => [increment(0, endless), increment(0, endless)],
  },
  {
    name: "a stream's window above 2^31-1",
    outcome: stream("flowControl"),
    says: (id) => [increment(id, endless), increment(id, endless)],
  },
  { name: "a window grown by 0", outcome: connection("protocol"), says: () => [increment(0, 0)] },
  {
    name: "a stream's window grown by 0",
    outcome: stream("protocol"),
    says: (id) => [increment(id, 0)],
  },
  {
    name: "WINDOW_UPDATE of three bytes",
    outcome: connection("frameSize"),
    says: () => [frame(window, 0, 0, [0, 0, 1])],
  },
  {
    name: "no SETTINGS first",
    outcome: connection("protocol"),
    begins: [],
    says: (id) => [ok(id)],
  },
  {
    name: "no HTTP/2 at all",
    // Read as a frame, its first bytes announce four megabytes.
    outcome: connection("frameSize"),
    begins: [Buffer.from("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")],
    says: () => [],
  },
];

const blocks: readonly Row[] = [
  {
    name: "a header block of nonsense",
    outcome: connection("compression"),
    says: (id) => [frame(headers, whole, id, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
  },
  {
    name: "an index beyond the tables",
    outcome: connection("compression"),
    says: (id) => [frame(headers, whole, id, [0x88, 0xff, 0x00])],
  },
  {
    name: "a table larger than allowed",
    outcome: connection("compression"),
    says: (id) => [frame(headers, whole, id, [0x3f, 0xe2, 0x7f, 0x88])],
  },
  {
    name: "a block interrupted",
    outcome: connection("protocol"),
    says: (id) => [frame(headers, 0, id, status200), frame(priority, 0, id, [0, 0, 0, 0, 1])],
  },
  {
    name: "a block interrupted by an unknown frame",
    outcome: connection("protocol"),
    says: (id) => [frame(headers, 0, id, status200), frame(0x99, 0, id)],
  },
  {
    name: "a block that goes on on stream 0",
    outcome: connection("protocol"),
    says: (id) => [frame(headers, 0, id, status200), frame(continuation, endHeaders, 0)],
  },
  {
    name: "a block that goes on after its end",
    outcome: connection("protocol"),
    says: (id) => [okHead(id), frame(continuation, endHeaders, id, literal("a", "1"))],
    isAnswered: true,
  },
  {
    name: "CONTINUATION after DATA",
    outcome: connection("protocol"),
    says: (id) => [okHead(id), frame(data, 0, id, eight), frame(continuation, endHeaders, id)],
    isAnswered: true,
  },
  {
    name: "CONTINUATION without a block",
    outcome: connection("protocol"),
    says: (id) => [frame(continuation, endHeaders, id, status200)],
  },
  {
    name: "a block in countless pieces",
    outcome: connection("calm"),
    says: (id) => [
      frame(headers, endStream, id, status200),
      ...Array.from({ length: 40 }, () => frame(continuation, 0, id, literal("a", "1"))),
    ],
  },
  {
    name: "a header bomb",
    outcome: connection("calm"),
    says: (id) => {
      // One large field put into the table, then named again and again by a byte each.
      const large = Buffer.concat([
        Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]),
        Buffer.alloc(4000, 0x78),
      ]);
      const block = Buffer.concat([status200, large, Buffer.alloc(10_000, 0xbe)]);
      return [frame(headers, whole, id, block)];
    },
  },
  {
    name: "PINGs without end",
    outcome: connection("calm"),
    says: () => Array.from({ length: 2000 }, () => frame(ping, 0, 0, eight)),
  },
];

const messages: readonly Row[] = [
  { name: "no status", says: (id: number) => [fields(id, literal("a", "1"))] },
  { name: "two statuses", says: (id: number) => [fields(id, status200, status200)] },
  { name: "a status of letters", says: (id: number) => [fields(id, literal(":status", "2x0"))] },
  { name: "status 101", says: (id: number) => [fields(id, literal(":status", "101"))] },
  {
    name: "a late pseudo-header",
    says: (id: number) => [fields(id, literal("a", "1"), literal(":status", "200"))],
  },
  {
    name: "a request's pseudo-header",
    says: (id: number) => [fields(id, status200, literal(":path", "/"))],
  },
  {
    name: "an upper-case name",
    says: (id: number) => [fields(id, status200, literal("X-One", "1"))],
  },
  {
    name: "a connection's field",
    says: (id: number) => [fields(id, status200, literal("transfer-encoding", "chunked"))],
  },
  {
    name: "a line end in a value",
    says: (id: number) => [fields(id, status200, literal("a", "1\r\nset-cookie: b"))],
  },
  {
    name: "a line end in a name",
    says: (id: number) => [fields(id, status200, literal("a\r\nb", "1"))],
  },
  {
    name: "two lengths",
    says: (id: number) => [
      fields(id, status200, literal("content-length", "0"), literal("content-length", "1")),
    ],
  },
  {
    name: "a length and no content",
    says: (id: number) => [fields(id, status200, literal("content-length", "5"))],
  },
  { name: "content before a head", says: (id: number) => [frame(data, endStream, id, eight)] },
  {
    name: "an interim head that ends the stream",
    says: (id: number) => [fields(id, literal(":status", "103"))],
  },
  {
    name: "interim heads without end",
    says: (id: number) =>
      Array.from({ length: 40 }, () => frame(headers, endHeaders, id, literal(":status", "103"))),
  },
].map((row) => ({ ...row, outcome: stream("protocol") }));

const cut: readonly Row[] = [
  {
    name: "more content than declared",
    outcome: stream("protocol"),
    says: (id) => [
      frame(headers, endHeaders, id, Buffer.concat([status200, literal("content-length", "5")])),
      frame(data, endStream, id, eight),
    ],
    isAnswered: true,
  },
  {
    name: "less content than declared",
    outcome: stream("protocol"),
    says: (id) => [
      frame(headers, endHeaders, id, Buffer.concat([status200, literal("content-length", "50")])),
      frame(data, endStream, id, eight),
    ],
    isAnswered: true,
  },
  {
    name: "trailers that do not end the stream",
    outcome: stream("protocol"),
    says: (id) => [okHead(id), frame(headers, endHeaders, id, literal("a", "1"))],
    isAnswered: true,
  },
  {
    name: "a status among the trailers",
    outcome: stream("protocol"),
    says: (id) => [okHead(id), fields(id, status200)],
    isAnswered: true,
  },
  {
    name: "DATA after the end",
    outcome: connection("streamClosed"),
    says: (id) => [ok(id), frame(data, endStream, id, eight)],
    isAnswered: true,
  },
  {
    name: "HEADERS after the end",
    outcome: connection("streamClosed"),
    says: (id) => [ok(id), fields(id, literal("a", "1"))],
    isAnswered: true,
  },
];

async function meets(mesh: Mesh, row: Row): Promise<void> {
  const { outcome } = row;
  const connections = speakFrames(
    mesh.program("bare-1"),
    (received, self) => {
      if (received.type === headers) self.write(...row.says(received.streamId));
    },
    (self) => self.write(...(row.begins ?? [settingsFrame])),
  );
  await mesh.spoken("bare-1");
  const client = mesh.raw("web");
  client.write("GET / HTTP/1.1\r\nhost: bare\r\n\r\n");
  await client.until((own) => own.text.includes("\r\n\r\n") || own.isClosed || own.hasEnded);
  if (outcome.kind === "served" || row.isAnswered === true) {
    if (outcome.kind === "served") assert.match(client.text, /^HTTP\/1\.1 200 /);
  } else {
    assert.match(client.text, /^HTTP\/1\.1 502 .*\r\n(.+\r\n)*x-weft-flag: UPE/m);
  }
  const [first] = connections as [RawServerConnection];
  assert.equal(connections.length, 1, "it was not asked twice");
  const codes = (type: number, at: number): number[] =>
    first.frames.filter((one) => one.type === type).map(({ payload }) => payload.readUInt32BE(at));
  if (outcome.kind === "connection") {
    await eventually(() => first.isClosed);
    assert.deepEqual(codes(goAway, 4), [outcome.code]);
  } else if (outcome.kind === "stream") {
    await eventually(() => first.frames.some(({ type }) => type === rst || type === goAway));
    assert.deepEqual([...codes(rst, 0), ...codes(goAway, 4)], [outcome.code]);
  }
  client.close();
}

const groups: readonly (readonly [string, readonly Row[]])[] = [
  ["what looks odd and is legal", legal],
  ["frames", frames],
  ["settings and windows", settingsAndWindows],
  ["header blocks", blocks],
  ["messages", messages],
  ["after a response has begun", cut],
];

for (const [name, rows] of groups) {
  behaviour(`a server that breaks rules: ${name}`, import.meta.url, async (mesh) => {
    const failures: string[] = [];
    for (const row of rows) {
      await meets(mesh, row).catch((error: unknown) => {
        failures.push(`${row.name}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    assert.deepEqual(failures, []);
    speakFrames(mesh.program("bare-1"), (received, self) => {
      if (received.type === headers) self.write(ok(received.streamId));
    });
    await mesh.spoken("bare-1");
    assert.equal((await mesh.send("web", "http://bare/")).status, 200);
  });
}
