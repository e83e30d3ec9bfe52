// A bound port on one worker: takes connections, finds out what they speak and gives them to HTTP
// or to the TCP forwarder, by the listener row of the moment. Modes of mutual TLS act here
// (design section 5).

import {
  acceptConnections,
  adoptAccepted,
  type ByteSocket,
  createTlsAcceptor,
  type LogFields,
  type PeerCertificate,
  type TlsAcceptor,
} from "@weft/runtime";
import type { ChainRow, ListenerRow } from "@weft/rules";
import type { Http2Options, ProxyAddresses } from "@weft/wire";
import { H1Downstream } from "../downstream/h1.ts";
import { H2Downstream } from "../downstream/h2.ts";
import type { DownstreamPeer, Entry, FixedHost } from "../exchange/exchange.ts";
import { forward, type ForwardOptions } from "../tcp/forward.ts";
import { Refusal } from "../telemetry/refusals.ts";
import type { Thread } from "../thread.ts";
import { detect, isBrokenPreface, Spoken } from "./detect.ts";
import { Asks, FirstBytes } from "./first-bytes.ts";
import { readHeader, sendsHeader } from "./proxy-header.ts";
import { serve } from "./serve.ts";
import {
  meshHttp2,
  meshParser,
  outboundHttp2,
  outboundParser,
  strangerHttp2,
  strangerParser,
} from "./codec-options.ts";
import { Alert, handshakeRefusal, refuseTls } from "./tls-alert.ts";

/** A server-first protocol says nothing until spoken to: after so long it is plaintext. */
const silenceMs = 250;
/** First bytes are waited for no longer than an idle connection is kept. */
const firstBytesMs = 60_000;
/** A program may open connections long before it uses them. */
const programIdleMs = 600_000;
const handshakeTimeoutMs = 10_000;
const nothing = Buffer.alloc(0);

export interface ListenerOptions {
  /** The resource its rows come from: `outbound`, `inbound/<port>`. */
  readonly resourceName: string;
  readonly fixedHost: FixedHost | null;
  /** Connections are given to it (`captured.ts`); it has no port of its own. */
  readonly isFed: boolean;
  readonly fd: number | null;
  readonly address: string;
  readonly port: number;
  readonly insists: boolean;
  readonly onListening: (port: number) => void;
}

export class Listener {
  readonly #thread: Thread;
  readonly #options: ListenerOptions;
  readonly #acceptor: { close(): void } | null;
  #tls: TlsAcceptor | null = null;
  /** Peers of the mesh open a connection for each of our workers. */
  readonly #meshHttp2: Partial<Http2Options>;
  /** Who connections are really from, where a PROXY protocol header said it. */
  readonly #announced = new WeakMap<ByteSocket, ProxyAddresses>();

  constructor(thread: Thread, options: ListenerOptions) {
    this.#thread = thread;
    this.#options = options;
    this.#meshHttp2 = { ...meshHttp2, workerCount: thread.workerCount };
    this.#acceptor = options.isFed
      ? null
      : acceptConnections({
          fd: options.fd,
          address: options.address,
          port: options.port,
          insists: options.insists,
          onConnection: (socket) => this.take(adoptAccepted(socket)),
          onListening: options.onListening,
          onError: (error) => thread.log.error("a listener failed", { reason: error.message }),
        });
  }

  /** Takes no new connections. */
  close(): void {
    this.#acceptor?.close();
    if (this.#tls !== null) this.#thread.identity.forget(this.#tls);
    this.#tls = null;
  }

  /** Serves a connection that was accepted just now. */
  take(socket: ByteSocket): void {
    const row = this.#row();
    if (!this.#options.resourceName.startsWith("inbound/")) {
      const entry = this.#entry(socket, null);
      if (entry.fixedHost !== null) return serve(socket, nothing, entry);
      const options = { direction: "outbound", waitMs: programIdleMs, asks: Asks.Spoken } as const;
      new FirstBytes(this.#thread, socket, options, (bytes, spoken, hasEnded) => {
        if (hasEnded && bytes.length === 0) socket.destroySoon();
        else if (spoken === Spoken.Http2) {
          new H2Downstream(socket, entry, outboundHttp2).begin(bytes);
        } else new H1Downstream(socket, entry, outboundParser).begin(bytes);
      }).begin();
      return;
    }
    // Nothing to serve it by (yet): a peer must not take silence for an answer.
    if (row === null) return this.#refuse(socket, Refusal.NoConfiguration);
    const senders = row.proxyProtocolFrom;
    if (senders === null) return this.#begin(socket, nothing, row);
    readHeader(this.#thread, socket, sendsHeader(senders, socket), {
      onHeader: (rest, addresses, hasEnded) => {
        if (hasEnded) return socket.destroySoon();
        if (addresses !== null) this.#announced.set(socket, addresses);
        this.#begin(socket, rest, row);
      },
      onBadHeader: (refusal) => this.#refuse(socket, refusal),
    });
  }

  #begin(socket: ByteSocket, early: Buffer, row: ListenerRow): void {
    const isTcp = row.plainChain !== null && row.plainChain.tcp !== null;
    if (row.tlsChain === null && row.plainChain !== null && isTcp) {
      return this.#tcp(socket, early, false, row.plainChain);
    }
    const waitMs = isTcp ? silenceMs : firstBytesMs;
    const asks = row.plainChain === null || isTcp ? Asks.IsTls : Asks.Spoken;
    const options = { direction: "inbound", waitMs, asks } as const;
    new FirstBytes(this.#thread, socket, options, (bytes, spoken, hasEnded) => {
      this.#spoke(socket, bytes, spoken, hasEnded);
    }).begin(early);
  }

  /** The first bytes of an inbound connection, or silence. */
  #spoke(socket: ByteSocket, bytes: Buffer, spoken: Spoken, hasEnded: boolean): void {
    const row = this.#row();
    const isSilent = bytes.length === 0;
    if (row === null) return this.#refuse(socket, Refusal.NoConfiguration);
    const { plainChain, tlsChain } = row;
    if (spoken === Spoken.Tls && tlsChain !== null) {
      const tls = this.#tlsAcceptor(tlsChain);
      if (tls === null) return this.#refuse(socket, Refusal.NoConfiguration);
      this.#thread.stats.openingCount++;
      return tls.accept(socket, bytes);
    }
    if (plainChain !== null && plainChain.tcp !== null) {
      return this.#tcp(socket, bytes, hasEnded, plainChain);
    }
    if (hasEnded && isSilent) return socket.destroySoon();
    if (isSilent) return this.#refuse(socket, Refusal.NothingSaid);
    // Strict: closed without an answer (http-cases H56).
    if (plainChain === null) return this.#refuse(socket, Refusal.PlaintextRefused);
    if (spoken === Spoken.Tls) {
      this.#note(Refusal.TlsNotOffered, socket, {});
      return refuseTls(socket, Alert.HandshakeFailure);
    }
    this.#plain(socket, bytes);
  }

  #secured(socket: ByteSocket, certificate: PeerCertificate): void {
    const chain = this.#row()?.tlsChain ?? null;
    const entry = this.#entry(socket, certificate);
    const { identity } = entry.peer;
    const wanted = chain?.tls?.identities ?? [];
    if (chain === null) return this.#refuse(socket, Refusal.NoConfiguration);
    if (identity === "" || (wanted.length > 0 && !wanted.includes(identity))) {
      return this.#refuse(socket, Refusal.IdentityRefused, { identity, wanted: wanted.join(" ") });
    }
    if (chain.tcp !== null) return this.#tcp(socket, nothing, false, chain);
    const alpn = socket.tls?.alpnProtocol;
    if (alpn === "h2") return new H2Downstream(socket, entry, this.#meshHttp2).begin(nothing);
    if (alpn === "http/1.1") return new H1Downstream(socket, entry, meshParser).begin(nothing);
    // A peer that negotiated nothing passes bytes on.
    const options = { direction: "inbound", waitMs: firstBytesMs, asks: Asks.Spoken } as const;
    new FirstBytes(this.#thread, socket, options, (bytes, spoken) => {
      if (spoken !== Spoken.Http2) new H1Downstream(socket, entry, meshParser).begin(bytes);
      else new H2Downstream(socket, this.#asHttp2(entry), this.#meshHttp2).begin(bytes);
    }).begin();
  }

  #refuse(socket: ByteSocket, refusal: Refusal, fields: LogFields = {}): void {
    this.#note(refusal, socket, fields);
    socket.destroy();
  }

  #note(refusal: Refusal, { remoteAddress }: ByteSocket, fields: LogFields): void {
    const listener = this.#options.resourceName;
    this.#thread.refusals.note(refusal, { listener, peer: remoteAddress, ...fields });
  }

  #plain(socket: ByteSocket, bytes: Buffer): void {
    const entry = this.#entry(socket, null);
    if (bytes.length > 0 && detect(bytes) === Spoken.Http2) {
      return new H2Downstream(socket, this.#asHttp2(entry), strangerHttp2).begin(bytes);
    }
    if (isBrokenPreface(bytes)) return new H2Downstream(socket, entry, strangerHttp2).begin(bytes);
    new H1Downstream(socket, entry, strangerParser).begin(bytes);
  }

  #tcp(socket: ByteSocket, early: Buffer, hasEnded: boolean, chain: ChainRow): void {
    const { clusters = [], weightTotal = 0, idleTimeoutMs = 0 } = chain.tcp ?? {};
    this.#forward(socket, { early, hasEnded, clusters, weightTotal, idleTimeoutMs });
  }

  /** Where nobody said what the program speaks, it speaks what its clients do. */
  #asHttp2(entry: Entry): Entry {
    return this.#row()?.protocol === "auto" ? { ...entry, isHttp2: true } : entry;
  }

  #forward(
    socket: ByteSocket,
    to: Required<
      Pick<ForwardOptions, "early" | "hasEnded" | "clusters" | "weightTotal" | "idleTimeoutMs">
    >,
  ): void {
    forward({
      ...to,
      // None of its own: for ever.
      idleTimeoutMs: to.idleTimeoutMs ?? 0,
      thread: this.#thread,
      direction: "inbound",
      authority: "",
      socket,
      announced: this.#announced.get(socket) ?? null,
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
      onSecure: (socket, peer) => {
        this.#thread.stats.openingCount--;
        this.#secured(socket, peer);
      },
      onFailed: (reason, peer) => {
        this.#thread.stats.openingCount--;
        this.#handshakeFailed(reason, peer);
      },
    });
    identity.follow(this.#tls);
    return this.#tls;
  }

  #handshakeFailed(reason: string, peer: string): void {
    const refusal = handshakeRefusal(reason);
    const listener = this.#options.resourceName;
    this.#thread.refusals.note(refusal, { listener, peer, reason });
  }

  #entry(socket: ByteSocket, certificate: PeerCertificate | null): Entry {
    const { spiffeId } = this.#thread.identity;
    return {
      thread: this.#thread,
      peer: peerOf(socket, certificate, spiffeId, this.#announced.get(socket)),
      listenerName: this.#options.resourceName,
      fixedHost: this.#options.fixedHost,
      destination: null,
      isHttp2: false,
    };
  }
}

/** `certificate` where it is a TLS connection. */
function peerOf(
  socket: ByteSocket,
  certificate: PeerCertificate | null,
  ownIdentity: string,
  announced: ProxyAddresses | undefined,
): DownstreamPeer {
  const identity = certificate?.spiffeId ?? "";
  return {
    remoteAddress: announced?.sourceAddress ?? socket.remoteAddress,
    isTls: certificate !== null,
    identity,
    clientCertificate:
      certificate === null || identity === ""
        ? ""
        : `By=${ownIdentity};Hash=${certificate.hash};URI=${identity}`,
    lastCell: null,
  };
}
