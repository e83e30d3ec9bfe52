// The adapters against each other over loopback TLS: who is let in as whom, first contact by pin,
// renewal without a dropped stream, ends, and neighbouring versions.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { type Runtime, silentLogger, systemRuntime } from "@weft/runtime";
import { AgentMessage, ControlMessage } from "../../messages/weft/v1/agent.js";
import {
  SignCertificateRequest,
  SignCertificateResponse,
} from "../../messages/weft/v1/identity.js";
import type { XdsPeer } from "../snapshot.ts";
import { type Status, StatusCode, StatusError } from "../status.ts";
import type { MessageStream, XdsStream } from "../stream.ts";
import { makeTestRoot, type TestLeaf, type TestRoot } from "./certificates.test.ts";
import { type GrpcChannel, type GrpcChannelOptions, openGrpcChannel } from "./channel.ts";
import { closeGraceMs } from "./duplex.ts";
import { type AgentStream, type GrpcServer, openGrpcServer } from "./server.ts";
import { spiffeIdOf } from "./spiffe-id.ts";

const system = systemRuntime({ log: silentLogger });
/** Timers that would drop a connection whose peer does not take the end of a stream. */
let graceTimers = 0;
const runtime: Runtime = {
  ...system,
  timers: {
    every: (periodMs, fn, options) => system.timers.every(periodMs, fn, options),
    after(delayMs, fn, options) {
      const timer = system.timers.after(delayMs, fn, options);
      if (delayMs !== closeGraceMs) return timer;
      graceTimers++;
      return {
        cancel() {
          graceTimers--;
          timer.cancel();
        },
      };
    },
  },
};
const controlPlane = "spiffe://weft.local/ns/weft-system/sa/control-plane";
const web = "spiffe://weft.local/ns/shop/sa/web";

let root: TestRoot;
let identity: TestLeaf;
let server: GrpcServer;
const opened: { close(): void }[] = [];
let onAds: (stream: XdsStream, peer: XdsPeer) => void;
let onAttach: (stream: AgentStream, peer: XdsPeer) => void;

before(async () => {
  root = await makeTestRoot("weft.local", "the root");
  identity = await root.leaf([controlPlane]);
  server = await listen(identity);
});

after(async () => {
  for (const one of opened) one.close();
  await server.close();
});

function listen(leaf: TestLeaf, keepaliveMs = 5000): Promise<GrpcServer> {
  return openGrpcServer({
    runtime,
    keepaliveMs,
    listen: "127.0.0.1:0",
    identity: leaf,
    handlers: {
      deltaAds: (stream, peer) => onAds(stream, peer),
      sotwAds: (stream) => stream.close(),
      attach: (stream, peer) => onAttach(stream, peer),
      signCertificate: (request, peer) => {
        if (request.namespace === "bug") return Promise.reject(new Error("secret detail"));
        if (request.namespace !== "") {
          return Promise.reject(new StatusError(StatusCode.permissionDenied, "not for you"));
        }
        const spiffeId = `${peer.spiffeId} ${peer.token}`;
        return Promise.resolve(SignCertificateResponse.fromPartial({ spiffeId }));
      },
    },
  });
}

async function dial(options: Partial<GrpcChannelOptions> = {}): Promise<GrpcChannel> {
  const channel = await openGrpcChannel({
    runtime,
    address: server.address,
    trust: { rootsPem: root.pem },
    identity: null,
    token: null,
    ...options,
  });
  opened.push(channel);
  return channel;
}

/** Who the server takes the caller for. */
async function seenAs(channel: GrpcChannel): Promise<string> {
  return (await channel.signCertificate(SignCertificateRequest.fromPartial({}))).spiffeId;
}

/** The next thing a stream brings. */
class Inbox<In> {
  readonly #items: (In | { end: Status | null })[] = [];
  #wake: () => void = () => undefined;

  constructor(stream: MessageStream<In, never>) {
    const push = (item: In | { end: Status | null }): void => {
      this.#items.push(item);
      this.#wake();
    };
    stream.begin({
      onMessage: push,
      onDrain: () => undefined,
      onEnd: (end) => push({ end }),
    });
  }

  async next(): Promise<In | { end: Status | null }> {
    while (this.#items.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#items.shift() as In;
  }
}

/** Sends back what comes. */
const echo = (stream: XdsStream): void => {
  stream.begin({
    onMessage: (message) => void stream.send(message),
    onDrain: () => undefined,
    onEnd: () => undefined,
  });
};

const text = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString();

test("a certificate is asked for and not required; a token is passed on", async () => {
  assert.equal(await seenAs(await dial({ token: "weft1.a.b.c" })), "null weft1.a.b.c");
  const svid = await root.leaf([web]);
  assert.equal(await seenAs(await dial({ identity: svid })), `${web} null`);
});

test("a certificate of another root, of two names or of a CA proves nothing", async () => {
  const stranger = await makeTestRoot("weft.local");
  for (const leaf of [
    await stranger.leaf([web]),
    await root.leaf([web, "spiffe://weft.local/ns/shop/sa/other"]),
    await root.leaf([]),
    await root.leaf([web], { ca: true }),
  ]) {
    assert.equal(await seenAs(await dial({ identity: leaf })), "null null");
  }
});

test("a forged certificate gets nothing, and harms no other connection", async () => {
  onAds = echo;
  const stream = (await dial()).deltaAds();
  const inbox = new Inbox(stream as MessageStream<Uint8Array, never>);
  const forger = await makeTestRoot("weft.local", "the root");
  for (let round = 0; round < 5; round++) {
    const channel = await dial({ identity: await forger.leaf([web]) });
    // OpenSSL's complaint about the signature makes Node drop the connection; that is as good.
    const seen = await seenAs(channel).catch((error: StatusError) => error.code);
    assert.ok(seen === "null null" || seen === StatusCode.unavailable, String(seen));
    stream.send(Buffer.from(`round ${round}`));
    assert.equal(text(await inbox.next()), `round ${round}`);
  }
});

test("first contact takes only the chain that ends in the pinned root", async () => {
  const channel = await dial({ trust: { rootSha256: root.spkiSha256 } });
  assert.equal(channel.rootsPem.replaceAll(/\s/g, ""), root.pem.replaceAll(/\s/g, ""));
  assert.equal(await seenAs(channel), "null null");
  assert.equal(channel.trustDomain, "weft.local");
  const other = await makeTestRoot("weft.local");
  await assert.rejects(
    dial({ trust: { rootSha256: other.spkiSha256 } }),
    (error: StatusError) =>
      error.code === StatusCode.unauthenticated && /not the control plane/.test(error.message),
  );
});

test("first contact with a server that is away, or silent about its root, says so", async () => {
  const plain = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  await new Promise<void>((resolve) => void plain.listen(0, "127.0.0.1", resolve));
  const { port } = plain.address() as { port: number };
  const trust = { rootSha256: root.spkiSha256 };
  await assert.rejects(
    dial({ address: `127.0.0.1:${port}`, trust }),
    (error: StatusError) => error.code === StatusCode.unavailable,
  );
  await new Promise((resolve) => void plain.close(resolve));
  await assert.rejects(
    dial({ address: `127.0.0.1:${port}`, trust }),
    (error: StatusError) =>
      error.code === StatusCode.unavailable && /no control plane at 127/.test(error.message),
  );
});

test("a channel without any root is refused: TLS would take the system's", async () => {
  await assert.rejects(
    dial({ trust: { rootsPem: "" } }),
    (error: StatusError) => error.code === StatusCode.failedPrecondition,
  );
});

test("the server must be the control plane, not any workload of the mesh", async () => {
  const impostor = await listen(await root.leaf([web]));
  opened.push(impostor as unknown as { close(): void });
  const unavailable = (pattern: RegExp) => (error: StatusError) =>
    error.code === StatusCode.unavailable && pattern.test(error.message);
  const request = SignCertificateRequest.fromPartial({});
  const there = await dial({ address: impostor.address });
  await assert.rejects(there.signCertificate(request), unavailable(/the server is spiffe:.*web/));
  const abroad = await dial({ trustDomain: "elsewhere" });
  await assert.rejects(abroad.signCertificate(request), unavailable(/not spiffe:\/\/elsewhere/));
  const other = await makeTestRoot("weft.local");
  const untrusted = await dial({ trust: { rootsPem: other.pem } });
  await assert.rejects(untrusted.signCertificate(request), unavailable(/certificate/));
});

test("proxy variables of the environment do not apply", async () => {
  const asked: Socket[] = [];
  const proxy = createServer((socket) => asked.push(socket));
  await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as { port: number };
  const names = ["http_proxy", "grpc_proxy", "https_proxy"];
  const saved = names.map((name) => process.env[name]);
  for (const name of names) process.env[name] = `http://127.0.0.1:${port}`;
  try {
    assert.equal(await seenAs(await dial()), "null null");
    assert.equal(asked.length, 0);
  } finally {
    names.forEach((name, at) => {
      if (saved[at] === undefined) delete process.env[name];
      else process.env[name] = saved[at];
    });
    await new Promise((resolve) => void proxy.close(resolve));
  }
});

test("refusals keep their code and sentence; a bug shows neither", async () => {
  const channel = await dial();
  const ask = (namespace: string): Promise<unknown> =>
    channel.signCertificate(SignCertificateRequest.fromPartial({ namespace }));
  await assert.rejects(ask("shop"), { code: StatusCode.permissionDenied, message: "not for you" });
  await assert.rejects(
    ask("bug"),
    (error: StatusError) =>
      error.code === StatusCode.internal && !error.message.includes("secret detail"),
  );
});

test("ADS bytes pass through unchanged, both ways, large ones under backpressure", async () => {
  const big = Buffer.alloc(3 * 1024 * 1024, "x");
  let answers: boolean[] = [];
  let drained: Promise<void> = Promise.resolve();
  onAds = (stream, peer) => {
    assert.equal(peer.spiffeId, null);
    assert.match(peer.address, /^127\.0\.0\.1:\d+$/);
    drained = new Promise((resolve) => {
      stream.begin({
        onMessage: (message) => {
          answers = [stream.send(message), stream.send(big)];
          assert.ok(stream.queuedBytes >= big.length);
        },
        onDrain: resolve,
        onEnd: () => undefined,
      });
    });
  };
  const stream = (await dial()).deltaAds();
  const inbox = new Inbox(stream as MessageStream<Uint8Array, never>);
  stream.send(Buffer.from("hello"));
  assert.equal(text(await inbox.next()), "hello");
  assert.equal(((await inbox.next()) as Uint8Array).length, big.length);
  assert.deepEqual(answers, [true, false]);
  await drained;
});

test("either side may end a stream; others on the connection stay", async () => {
  const channel = await dial();
  const ends: (Status | null)[] = [];
  let isOpen: () => void = () => undefined;
  let isEnded: () => void = () => undefined;
  onAds = (stream) => {
    isOpen();
    stream.begin({
      onMessage: (message) => {
        const code = Number(text(message));
        stream.close(code === 0 ? undefined : { code, message: "go away: é" });
      },
      onDrain: () => undefined,
      onEnd: (status) => {
        ends.push(status);
        isEnded();
      },
    });
  };
  onAttach = (stream) => {
    stream.begin({
      onMessage: () =>
        stream.send(
          ControlMessage.fromPartial({ message: { $case: "notice", notice: { message: "hi" } } }),
        ),
      onDrain: () => undefined,
      onEnd: () => undefined,
    });
  };
  const attached = channel.attach();
  const notices = new Inbox(attached as MessageStream<ControlMessage, never>);
  for (const [said, heard] of [
    ["7", { code: 7, message: "go away: é" }],
    ["0", null],
  ] as const) {
    const stream = channel.deltaAds();
    const inbox = new Inbox(stream as MessageStream<Uint8Array, never>);
    stream.send(Buffer.from(said));
    assert.deepEqual(await inbox.next(), { end: heard });
  }
  const clientEnd = new Promise<void>((resolve) => {
    isEnded = resolve;
  });
  const last = channel.deltaAds();
  const opening = new Promise<void>((resolve) => {
    isOpen = resolve;
  });
  last.begin({ onMessage: () => undefined, onDrain: () => undefined, onEnd: () => undefined });
  await opening;
  last.close();
  await clientEnd;
  assert.deepEqual(ends, [null]);
  // Every end was taken, so no timer is left that would drop the connection.
  while (graceTimers > 0) await new Promise((resolve) => void setImmediate(resolve));
  attached.send(AgentMessage.fromPartial({ message: { $case: "deregister", deregister: {} } }));
  const notice = (await notices.next()) as ControlMessage;
  assert.equal(notice.message?.$case, "notice");
});

test("a lost connection ends the stream on both sides", async () => {
  const doomed = await listen(identity);
  const ended = Promise.withResolvers<Status | null>();
  onAds = (stream) => {
    stream.begin({
      onMessage: (message) => void stream.send(message),
      onDrain: () => undefined,
      onEnd: ended.resolve,
    });
  };
  const channel = await dial({ address: doomed.address });
  const stream = channel.deltaAds();
  const inbox = new Inbox(stream as MessageStream<Uint8Array, never>);
  stream.send(Buffer.from("1"));
  assert.equal(text(await inbox.next()), "1");
  await doomed.close();
  const end = (await inbox.next()) as { end: Status | null };
  assert.equal(end.end?.code === StatusCode.ok, false);
  assert.equal((await ended.promise)?.code, StatusCode.cancelled);
});

test("a peer that falls silent is noticed on both sides by keepalive", async () => {
  const quick = await listen(identity, 100);
  const ended = Promise.withResolvers<Status | null>();
  onAds = (stream) => {
    stream.begin({
      onMessage: (message) => void stream.send(message),
      onDrain: () => undefined,
      onEnd: ended.resolve,
    });
  };
  // A line that swallows everything once it is cut, as a vanished machine does.
  const ends: Socket[] = [];
  let isCut = false;
  const line = createServer((near) => {
    const far = connect(Number(quick.address.split(":")[1]), "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.push(from);
      from.on("data", (bytes) => void (isCut || to.write(bytes)));
      from.on("error", () => undefined);
    }
  });
  await new Promise<void>((resolve) => void line.listen(0, "127.0.0.1", resolve));
  const { port } = line.address() as { port: number };
  const channel = await dial({ address: `127.0.0.1:${port}`, keepaliveMs: 100 });
  const stream = channel.deltaAds();
  const inbox = new Inbox(stream as MessageStream<Uint8Array, never>);
  stream.send(Buffer.from("1"));
  assert.equal(text(await inbox.next()), "1");
  isCut = true;
  const end = (await inbox.next()) as { end: Status | null };
  assert.equal(end.end?.code, StatusCode.unavailable);
  assert.equal((await ended.promise)?.code, StatusCode.cancelled);
  channel.close();
  for (const socket of ends) socket.destroy();
  line.close();
  await quick.close();
});

test("the server's identity is replaced without dropping a stream", async () => {
  const replaced = await listen(identity);
  onAds = echo;
  const stream = (await dial({ address: replaced.address })).deltaAds();
  const inbox = new Inbox(stream as MessageStream<Uint8Array, never>);
  stream.send(Buffer.from("before"));
  assert.equal(text(await inbox.next()), "before");
  const next = await makeTestRoot("weft.local");
  replaced.setIdentity(await next.leaf([controlPlane]));
  stream.send(Buffer.from("after"));
  assert.equal(text(await inbox.next()), "after");
  const fresh = await dial({ address: replaced.address, trust: { rootsPem: next.pem } });
  assert.equal(await seenAs(fresh), "null null");
  const stale = await dial({ address: replaced.address });
  await assert.rejects(stale.signCertificate(SignCertificateRequest.fromPartial({})));
  await replaced.close();
});

test("a renewed client identity serves new calls while old streams go on", async () => {
  onAds = (stream, peer) => {
    stream.begin({
      onMessage: () => void stream.send(Buffer.from(String(peer.spiffeId))),
      onDrain: () => undefined,
      onEnd: () => undefined,
    });
  };
  const channel = await dial({ keepaliveMs: 50 });
  const old = channel.deltaAds();
  const inbox = new Inbox(old as MessageStream<Uint8Array, never>);
  old.send(Buffer.from("1"));
  assert.equal(text(await inbox.next()), "null");
  channel.setIdentity(await root.leaf([web]), root.pem);
  assert.equal(await seenAs(channel), `${web} null`);
  // Several keepalive pings: a client closed too early would lose its connection at the first.
  await new Promise<void>((resolve) => system.timers.after(400, resolve));
  old.send(Buffer.from("2"));
  assert.equal(text(await inbox.next()), "null", "the old stream is on the old connection");
});

test("neighbouring versions: unknown fields and kinds of message are read past", async () => {
  const seen = Promise.withResolvers<AgentMessage[]>();
  onAttach = (stream) => {
    const messages: AgentMessage[] = [];
    stream.begin({
      onMessage: (message) => {
        messages.push(message);
        if (messages.length === 2) seen.resolve(messages);
      },
      onDrain: () => undefined,
      onEnd: () => undefined,
    });
  };
  const stream = (await dial()).attach();
  stream.begin({ onMessage: () => undefined, onDrain: () => undefined, onEnd: () => undefined });
  // A later minor version: `register` has a field 99, and there is a message kind 50.
  const register = new BinaryWriter().uint32(10).string("shop").uint32(794).string("new");
  const known = new BinaryWriter().uint32(10).bytes(register.finish()).finish();
  const kind = new BinaryWriter()
    .uint32(402)
    .bytes(new Uint8Array([1, 2, 3]))
    .finish();
  const passing = { encode: () => ({ finish: () => known }) };
  const unknown = { encode: () => ({ finish: () => kind }) };
  const encode = AgentMessage.encode;
  try {
    for (const fake of [passing, unknown]) {
      AgentMessage.encode = fake.encode as never;
      stream.send(AgentMessage.fromPartial({}));
    }
  } finally {
    AgentMessage.encode = encode;
  }
  const [first, second] = await seen.promise;
  assert.equal(first?.message?.$case === "register" && first.message.register.namespace, "shop");
  assert.equal(second?.message, undefined);
});

test("a broken message ends the stream with a status, not the process", async () => {
  onAds = (stream) => void stream.close();
  onAttach = (stream) => {
    stream.begin({ onMessage: () => undefined, onDrain: () => undefined, onEnd: () => undefined });
  };
  const stream = (await dial()).attach();
  const inbox = new Inbox(stream as MessageStream<ControlMessage, never>);
  const encode = AgentMessage.encode;
  AgentMessage.encode = (() => ({ finish: () => Buffer.from([0x0a, 0xff]) })) as never;
  stream.send(AgentMessage.fromPartial({}));
  AgentMessage.encode = encode;
  const end = (await inbox.next()) as { end: Status | null };
  assert.equal(end.end?.code, StatusCode.invalidArgument);
});

test("only a whole SPIFFE ID in the only URI SAN counts", async () => {
  for (const [uris, expected] of [
    [[web], web],
    [["https://weft.local/ns/shop/sa/web"], null],
    [["spiffe://weft.local"], null],
    [["spiffe://weft.local/ns/../sa/web"], null],
    [["spiffe://WEFT.local/ns/shop"], null],
    [["spiffe://weft.local/ns/shop?x=1"], null],
    [["spiffe://weft.local/a, URI:spiffe://weft.local/b"], null],
  ] as const) {
    const leaf = await root.leaf(uris);
    assert.equal(spiffeIdOf(new X509Certificate(leaf.chainPem)), expected, String(uris));
  }
});
