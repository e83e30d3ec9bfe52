// Mutual TLS as the proxies use it, below HTTP: who is spoken to, what a session may be resumed by.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { before, test } from "node:test";
import {
  acceptConnections,
  adoptAccepted,
  type ByteSocket,
  connectTls,
  createTlsAcceptor,
  createTlsContext,
  type PeerCertificate,
  type SocketOwner,
  type TlsAcceptor,
  type TlsContext,
  wrongPeerIdentity,
} from "@weft/runtime";
import { TestAuthority } from "./certificates.ts";

let authority: TestAuthority;
const ticketKeys = Buffer.alloc(48, 7);

before(async () => {
  authority = await TestAuthority.create();
});

async function contextFor(...uris: string[]): Promise<TlsContext> {
  return createTlsContext(await authority.issue(uris[0] ?? "", uris));
}

interface Serving {
  readonly port: number;
  readonly tls: TlsAcceptor;
  readonly peers: string[];
  readonly certificates: PeerCertificate[];
  close(): void;
}

/** Accepts, reads the first bytes, then hands the connection to TLS, as a listener does. */
async function serve(context: TlsContext): Promise<Serving> {
  const peers: string[] = [];
  const certificates: PeerCertificate[] = [];
  const open: ByteSocket[] = [];
  const tls = createTlsAcceptor({
    context,
    alpnProtocols: ["http/1.1"],
    handshakeTimeoutMs: 5000,
    ticketKeys,
    onFailed: (code) => peers.push(`failed ${code}`),
    onSecure(socket, peer) {
      open.push(socket);
      peers.push(peer.spiffeId);
      certificates.push(peer);
      socket.owner = {
        onConnected() {},
        onBytes: (bytes) => void socket.write(bytes),
        onEnd: () => socket.destroySoon(),
        onDrain() {},
        onClosed() {},
      };
      socket.resume();
    },
  });
  const port = await new Promise<number>((resolve) => {
    const acceptor = acceptConnections({
      fd: null,
      address: "127.0.0.1",
      port: 0,
      onListening: resolve,
      onError: (error) => assert.fail(error.message),
      onConnection(accepted) {
        const socket = adoptAccepted(accepted);
        open.push(socket);
        socket.owner = {
          onConnected() {},
          onBytes(bytes) {
            socket.pause();
            tls.accept(socket, bytes);
          },
          onEnd() {},
          onDrain() {},
          onClosed() {},
        };
        socket.resume();
      },
    });
    open.push({ destroy: () => acceptor.close() } as ByteSocket);
  });
  return {
    port,
    tls,
    peers,
    certificates,
    close() {
      for (const socket of open) socket.destroy();
      tls.close();
    },
  };
}

interface Outcome {
  /** The echo, or `closed <code>`. */
  readonly text: string;
  readonly isResumed: boolean;
  readonly session: Buffer | null;
}

function echo(
  port: number,
  context: TlsContext,
  peerIdentities: string[],
  session: Buffer | null = null,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let next: Buffer | null = null;
    let isResumed = false;
    const owner: SocketOwner = {
      onConnected() {
        isResumed = socket.tls?.isSessionReused() ?? false;
        socket.write(Buffer.from("hello"));
      },
      onBytes(bytes) {
        const text = bytes.toString();
        socket.destroy();
        resolve({ text, isResumed, session: next });
      },
      onEnd: () => socket.destroySoon(),
      onDrain() {},
      onClosed: (code) => resolve({ text: `closed ${code}`, isResumed, session: next }),
    };
    const socket = connectTls(
      {
        address: "127.0.0.1",
        port,
        context,
        serverName: "",
        alpnProtocols: ["http/1.1"],
        peerIdentities,
        onWrongPeer() {},
        session,
        onSession: (given) => {
          next = given;
        },
      },
      owner,
    );
  });
}

const server = "spiffe://weft.local/ns/a/sa/server";
const client = "spiffe://weft.local/ns/a/sa/client";

test("both sides prove who they are, and an unexpected server is not spoken to", async () => {
  const running = await serve(await contextFor(server));
  const own = await contextFor(client);
  assert.equal((await echo(running.port, own, [server])).text, "hello");
  assert.deepEqual(running.peers, [client]);
  const other = await echo(running.port, own, ["spiffe://weft.local/ns/a/sa/other"]);
  assert.equal(other.text, `closed ${wrongPeerIdentity}`);
  assert.equal((await echo(running.port, own, [])).text, `closed ${wrongPeerIdentity}`);
  running.close();
});

test("a certificate with two URIs proves nothing", async () => {
  const running = await serve(await contextFor(server, "spiffe://weft.local/ns/a/sa/second"));
  const outcome = await echo(running.port, await contextFor(client), [server]);
  assert.equal(outcome.text, `closed ${wrongPeerIdentity}`);
  running.close();
});

test("a session resumes under the identity it was made with, and not under the next", async () => {
  const running = await serve(await contextFor(server));
  const own = await contextFor(client);
  const first = await echo(running.port, own, [server]);
  assert.ok(first.session !== null);
  let session = first.session;
  let resumedCount = 0;
  for (let i = 0; i < 5; i++) {
    const next = await echo(running.port, own, [server], session);
    assert.equal(next.text, "hello");
    if (next.isResumed) resumedCount++;
    session = next.session ?? session;
  }
  assert.equal(resumedCount, 5);
  assert.equal(running.peers.at(-1), client, "the peer is known in a resumed session too");
  // With the same ticket keys: what refuses the ticket is the generation it is bound to.
  running.tls.setContext(await contextFor(server), ticketKeys);
  const third = await echo(running.port, own, [server], session);
  assert.equal(third.text, "hello");
  assert.equal(third.isResumed, false);
  running.close();
});

test("a new trust bundle refuses the old tickets, with the same certificate", async () => {
  const other = await TestAuthority.create();
  const issued = await authority.issue(server);
  const running = await serve(createTlsContext(issued));
  const own = await contextFor(client);
  const { session } = await echo(running.port, own, [server]);
  assert.equal((await echo(running.port, own, [server], session)).isResumed, true);
  const rootsPem = `${issued.rootsPem}\n${other.rootsPem}`;
  running.tls.setContext(createTlsContext({ ...issued, rootsPem }), ticketKeys);
  const outcome = await echo(running.port, own, [server], session);
  assert.deepEqual([outcome.text, outcome.isResumed], ["hello", false]);
  running.close();
});

test("a session lives no longer than the leaf, and no longer than an hour", async () => {
  const short = createTlsContext(await authority.issue(server, [server], 90_000));
  assert.ok(short.sessionSeconds > 80 && short.sessionSeconds <= 90, `${short.sessionSeconds}`);
  const long = createTlsContext(await authority.issue(server, [server], 24 * 3_600_000));
  assert.equal(long.sessionSeconds, 3600);
});

test("a peer whose leaf has ended since resumes nothing", async () => {
  const running = await serve(await contextFor(server));
  const own = createTlsContext(await authority.issue(client, [client], 2_000));
  const { session, text } = await echo(running.port, own, [server]);
  assert.equal(text, "hello");
  const endsAtMs = performance.now() + 2_100;
  while (performance.now() < endsAtMs) await new Promise((resolve) => setTimeout(resolve, 50));
  const late = await echo(running.port, own, [server], session);
  running.close();
  assert.notEqual(late.text, "hello");
  assert.equal(running.peers.at(-1), "failed CERT_HAS_EXPIRED");
});

test("a session allows no early data (H57)", async () => {
  const running = await serve(await contextFor(server));
  const { session } = await echo(running.port, await contextFor(client), [server]);
  running.close();
  assert.ok(session !== null);
  // Node writes a few words of its own before OpenSSL's session.
  const tags = topTags(session.subarray(session.indexOf(Buffer.from([0x30, 0x82]))));
  assert.ok(tags.includes(0xa1) && tags.length > 8, "a session of OpenSSL");
  // `max_early_data` is element 15 of OpenSSL's SSL_SESSION, left out when it is 0.
  assert.ok(!tags.includes(0xaf), "no early data");
});

/** Tags of the elements of a DER sequence. */
function topTags(der: Buffer): number[] {
  const lengthAt = (at: number): { length: number; from: number } => {
    const first = der[at] as number;
    const more = first < 0x80 ? 0 : first & 0x7f;
    return { length: more === 0 ? first : der.readUIntBE(at + 1, more), from: at + 1 + more };
  };
  const tags: number[] = [];
  for (let at = lengthAt(1).from; at < der.length; ) {
    tags.push(der[at] as number);
    const { length, from } = lengthAt(at + 1);
    at = from + length;
  }
  return tags;
}

test("renewal changes new handshakes and leaves open connections alone", async () => {
  const running = await serve(await contextFor(server));
  const own = await contextFor(client);
  running.tls.setContext(await contextFor("spiffe://weft.local/ns/a/sa/renamed"));
  assert.equal((await echo(running.port, own, [server])).text, `closed ${wrongPeerIdentity}`);
  const renamed = await echo(running.port, own, ["spiffe://weft.local/ns/a/sa/renamed"]);
  assert.equal(renamed.text, "hello");
  running.close();
});

test("what is known of a peer is what its certificate says, also when it resumes", async () => {
  const issued = await authority.issue(client);
  const leaf = new X509Certificate(issued.chainPem);
  const expected: PeerCertificate = {
    spiffeId: client,
    hash: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
    validUntilMs: leaf.validToDate.getTime(),
  };
  const running = await serve(await contextFor(server));
  const own = createTlsContext(issued);
  const { session } = await echo(running.port, own, [server]);
  assert.equal((await echo(running.port, own, [server], session)).isResumed, true);
  // Another certificate of the same identity is another peer.
  const renewed = createTlsContext(await authority.issue(client));
  await echo(running.port, renewed, [server]);
  running.close();
  const [first, second, third] = running.certificates;
  assert.deepEqual([first, second], [expected, expected]);
  assert.equal(third?.spiffeId, client);
  assert.notEqual(third?.hash, expected.hash);
});
