// A bound port on one worker: takes connections, finds out what they speak and gives them to HTTP
// or to the TCP forwarder, by the listener row of the moment. Modes of mutual TLS act here
// (design section 5).

import {
  acceptConnections,
  adoptAccepted,
  type ByteSocket,
  createTlsAcceptor,
  peerCertificateOf,
  type SocketOwner,
  type TlsAcceptor,
  WheelTimer,
} from "@weft/runtime";
import type { ChainRow, ListenerRow, VirtualHostRow, WeightedClusterRow } from "@weft/rules";
import { H1Downstream } from "../downstream/h1.ts";
import type { DownstreamPeer, Entry, FixedHost } from "../exchange/exchange.ts";
import { forward } from "../tcp/forward.ts";
import type { Thread } from "../thread.ts";
import { detect, Spoken } from "./detect.ts";

/** A server-first protocol says nothing until spoken to: after so long it is plaintext. */
const silenceMs = 250;
/** First bytes are waited for no longer than an idle connection is kept. */
const firstBytesMs = 60_000;
/** More than this without an answer from `detect` cannot happen. */
const heldBytesMax = 16 * 1024;
const handshakeTimeoutMs = 10_000;
const nothing = Buffer.alloc(0);

export interface ListenerOptions {
  /** The resource its rows come from: `outbound`, `inbound/<port>`. */
  readonly resourceName: string;
  readonly fixedHost: FixedHost | null;
  readonly fd: number | null;
  readonly address: string;
  readonly port: number;
  readonly insists: boolean;
  readonly onListening: (port: number) => void;
}

export class Listener {
  readonly #thread: Thread;
  readonly #options: ListenerOptions;
  readonly #acceptor: { close(): void };
  #tls: TlsAcceptor | null = null;

  constructor(thread: Thread, options: ListenerOptions) {
    this.#thread = thread;
    this.#options = options;
    this.#acceptor = acceptConnections({
      fd: options.fd,
      address: options.address,
      port: options.port,
      insists: options.insists,
      onConnection: (socket) => this.#accepted(adoptAccepted(socket)),
      onListening: options.onListening,
      onError: (error) => thread.log.error("a listener failed", { reason: error.message }),
    });
  }

  /** Takes no new connections. */
  close(): void {
    this.#acceptor.close();
    if (this.#tls !== null) this.#thread.identity.forget(this.#tls);
    this.#tls = null;
  }

  #accepted(socket: ByteSocket): void {
    const row = this.#row();
    if (!this.#options.resourceName.startsWith("inbound/")) {
      const entry = this.#entry(socket, false);
      if (entry.fixedHost !== null) return serve(socket, nothing, entry);
      return new H1Downstream(socket, entry, outboundParser).begin(nothing);
    }
    // Nothing to serve it by (yet): a peer must not take silence for an answer.
    if (row === null) return socket.destroy();
    if (row.tlsChain === null && row.plainChain !== null) {
      return this.#plain(socket, nothing, row.plainChain);
    }
    const isTcp = row.plainChain !== null && row.plainChain.tcp !== null;
    const waitMs = isTcp ? silenceMs : firstBytesMs;
    new FirstBytes(this.#thread, socket, waitMs, (bytes, spoken) => {
      this.#spoke(socket, bytes, spoken);
    }).begin();
  }

  /** The first bytes of an inbound connection, or silence. */
  #spoke(socket: ByteSocket, bytes: Buffer, spoken: Spoken): void {
    const row = this.#row();
    if (spoken === Spoken.Tls && row !== null && row.tlsChain !== null) {
      const tls = this.#tlsAcceptor(row.tlsChain);
      if (tls !== null) {
        this.#thread.stats.openingCount++;
        return tls.accept(socket, bytes);
      }
    } else if (spoken !== Spoken.Tls && row !== null && row.plainChain !== null) {
      const isSilent = bytes.length === 0;
      if (!isSilent || row.plainChain.tcp !== null) {
        return this.#plain(socket, bytes, row.plainChain);
      }
    }
    // Strict, or nothing to serve it by: closed without an answer (http-cases H56).
    socket.destroy();
  }

  #secured(socket: ByteSocket): void {
    const chain = this.#row()?.tlsChain ?? null;
    const entry = this.#entry(socket, true);
    const allowed = chain?.tls?.identities ?? [];
    const isKnown = allowed.length === 0 || allowed.includes(entry.peer.identity);
    if (chain === null || entry.peer.identity === "" || !isKnown) return socket.destroy();
    if (chain.tcp !== null) return this.#tcp(socket, nothing, chain);
    if (this.#row()?.protocol === "http") {
      return new H1Downstream(socket, entry, meshParser).begin(nothing);
    }
    new FirstBytes(this.#thread, socket, firstBytesMs, (bytes, spoken) => {
      if (spoken === Spoken.Http2) this.#opaque(socket, bytes, chain);
      else new H1Downstream(socket, entry, meshParser).begin(bytes);
    }).begin();
  }

  #plain(socket: ByteSocket, bytes: Buffer, chain: ChainRow): void {
    if (chain.tcp !== null) return this.#tcp(socket, bytes, chain);
    if (bytes.length > 0 && detect(bytes) === Spoken.Http2) {
      return this.#opaque(socket, bytes, chain);
    }
    new H1Downstream(socket, this.#entry(socket, false), strangerParser).begin(bytes);
  }

  #tcp(socket: ByteSocket, early: Buffer, chain: ChainRow): void {
    const { clusters, weightTotal } = chain.tcp ?? { clusters: [], weightTotal: 0 };
    this.#forward(socket, early, clusters, weightTotal);
  }

  /** HTTP/2 goes to the program as it is. */
  #opaque(socket: ByteSocket, early: Buffer, chain: ChainRow): void {
    const route = chain.http?.routes?.virtualHosts[0]?.routes.at(-1);
    this.#forward(socket, early, route?.clusters ?? [], route?.weightTotal ?? 0);
  }

  #forward(
    socket: ByteSocket,
    early: Buffer,
    clusters: readonly WeightedClusterRow[],
    weightTotal: number,
  ): void {
    forward({
      thread: this.#thread,
      direction: "inbound",
      clusters,
      weightTotal,
      authority: "",
      socket,
      early,
      onConnected: null,
      onFailed: null,
    });
  }

  #row(): ListenerRow | null {
    return this.#thread.current.tables.listeners.get(this.#options.resourceName) ?? null;
  }

  #tlsAcceptor(chain: ChainRow): TlsAcceptor | null {
    const { identity } = this.#thread;
    if (this.#tls !== null || identity.context === null) return this.#tls;
    this.#tls = createTlsAcceptor({
      context: identity.context,
      ticketKeys: identity.ticketKeys,
      alpnProtocols: chain.tls?.alpn ?? [],
      handshakeTimeoutMs,
      onSecure: (socket) => {
        this.#thread.stats.openingCount--;
        this.#secured(socket);
      },
      onFailed: (code) => {
        this.#thread.stats.openingCount--;
        this.#thread.log.debug("a TLS handshake failed", { code });
      },
    });
    identity.follow(this.#tls);
    return this.#tls;
  }

  #entry(socket: ByteSocket, isTls: boolean): Entry {
    return {
      thread: this.#thread,
      peer: peerOf(socket, isTls, this.#thread.identity.spiffeId),
      listenerName: this.#options.resourceName,
      fixedHost: this.#options.fixedHost,
    };
  }
}

// From a program of this host, from a peer that proved who it is, from anybody (http-cases H17).
const outboundParser = { allowConnect: true, allowUnknownMethods: true } as const;
const meshParser = { allowUnknownMethods: true } as const;
const strangerParser = { allowUnknownMethods: true, underscoreNames: "drop" } as const;

function peerOf(socket: ByteSocket, isTls: boolean, ownIdentity: string): DownstreamPeer {
  const certificate = isTls ? peerCertificateOf(socket) : null;
  const identity = certificate?.spiffeId ?? "";
  return {
    remoteAddress: socket.remoteAddress,
    isTls,
    identity,
    clientCertificate:
      certificate === null || identity === ""
        ? ""
        : `By=${ownIdentity};Hash=${certificate.hash};URI=${identity}`,
    lastCell: null,
  };
}

/**
 * Serves a connection that belongs to one service: HTTP/1 by its routes, anything else as bytes
 * to its cluster. `early` may be lent.
 */
export function serve(socket: ByteSocket, early: Buffer, entry: Entry): void {
  const { thread, fixedHost } = entry;
  const virtualHost = fixedHost?.find(thread.current.tables) ?? null;
  if (virtualHost?.protocol === "tcp") return forwardTo(socket, early, entry, virtualHost);
  new FirstBytes(thread, socket, firstBytesMs, (bytes, spoken) => {
    const host = fixedHost?.find(thread.current.tables) ?? null;
    if (spoken === Spoken.Http1) {
      new H1Downstream(socket, entry, { allowUnknownMethods: true }).begin(bytes);
    } else if (host === null || bytes.length === 0) {
      socket.destroy();
    } else {
      forwardTo(socket, bytes, entry, host);
    }
  }).begin(early);
}

/** A tcp service's own route, else the cluster that bears the virtual host's name. */
function forwardTo(socket: ByteSocket, early: Buffer, entry: Entry, host: VirtualHostRow): void {
  const route = host.protocol === "tcp" ? host.routes.at(-1) : undefined;
  const named = {
    cluster: host.name,
    weight: 1,
    requestEdits: null,
    responseEdits: null,
    authorityLiteral: null,
  };
  forward({
    thread: entry.thread,
    direction: "outbound",
    clusters: route?.clusters ?? [named],
    weightTotal: route?.weightTotal ?? 1,
    authority: "",
    socket,
    early,
    onConnected: null,
    onFailed: null,
  });
}

/** Holds a connection until its first bytes say what it speaks. */
class FirstBytes implements SocketOwner {
  readonly #thread: Thread;
  readonly #socket: ByteSocket;
  readonly #waitMs: number;
  readonly #then: (bytes: Buffer, spoken: Spoken) => void;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  #held: Buffer = nothing;
  #isOver = false;

  constructor(
    thread: Thread,
    socket: ByteSocket,
    waitMs: number,
    then: (bytes: Buffer, spoken: Spoken) => void,
  ) {
    this.#thread = thread;
    this.#socket = socket;
    this.#waitMs = waitMs;
    this.#then = then;
  }

  begin(early: Buffer = nothing): void {
    this.#socket.owner = this;
    this.#thread.stats.openingCount++;
    this.#thread.wheel.set(this.#timer, this.#waitMs);
    if (early.length > 0) this.onBytes(early);
    if (!this.#isOver) this.#socket.resume();
  }

  onConnected(): void {}
  onDrain(): void {}

  onBytes(bytes: Buffer): void {
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    const spoken = detect(all);
    if (spoken === Spoken.Unclear && all.length < heldBytesMax) {
      this.#held = Buffer.from(all);
      return;
    }
    this.#over(all, spoken);
  }

  onEnd(): void {
    this.#end();
    this.#socket.destroySoon();
  }

  onClosed(): void {
    this.#end();
  }

  onTimeout(): void {
    if (!this.#isOver) this.#over(this.#held, Spoken.Other);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#thread.stats.openingCount--;
    this.#thread.wheel.cancel(this.#timer);
  }

  #over(bytes: Buffer, spoken: Spoken): void {
    this.#end();
    // Whoever takes over resumes; until then nothing more is read.
    this.#socket.pause();
    this.#then(bytes, spoken);
  }
}
