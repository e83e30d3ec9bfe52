// TLS for the proxy: contexts made once per identity, servers that take over connections already
// accepted, clients that prove whom they reached. Names are SPIFFE IDs in URI SANs; host names are
// never checked. Resumption skips chain verification, so sessions live only as long as the context
// they were made with.

import { createHash, X509Certificate } from "node:crypto";
import {
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
} from "node:tls";
import {
  adoptTls,
  adoptTlsConnecting,
  type ByteSocket,
  releaseForTls,
  remoteAddressBelow,
  type SocketOwner,
} from "./net.ts";
import { type PeerCertificate, peerCertificate, uriOf } from "./tls-peer.ts";

export type { PeerCertificate } from "./tls-peer.ts";

/** What both ends of a mutual TLS connection need; PEM. */
export interface TlsIdentity {
  readonly keyPem: string;
  /** Leaf first, then intermediates. */
  readonly chainPem: string;
  readonly rootsPem: string;
}

/** An identity made ready. Replace the whole object to renew: open connections keep theirs. */
export interface TlsContext {
  readonly secure: SecureContext;
  readonly identity: TlsIdentity;
  /** Names identity and bundle; tickets of another generation are not accepted. */
  readonly generation: string;
  /** How long its sessions may be resumed: never beyond its leaf. */
  readonly sessionSeconds: number;
}

/** Resumption skips the chain: what changed since shows at the latest after so long. */
const sessionSecondsMax = 3600;

/**
 * `ticketKeys` (48 bytes) shared by the threads of one proxy lets them resume each other's
 * sessions.
 */
export function createTlsContext(identity: TlsIdentity, ticketKeys?: Buffer): TlsContext {
  const generation = createHash("sha256")
    .update(identity.chainPem)
    .update(identity.rootsPem)
    .digest("hex")
    .slice(0, 32);
  const secure = createSecureContext({
    key: identity.keyPem,
    cert: identity.chainPem,
    ca: identity.rootsPem,
    minVersion: "TLSv1.2",
    sessionIdContext: generation,
    ...(ticketKeys === undefined ? {} : { ticketKeys }),
  });
  const leftMs = new X509Certificate(identity.chainPem).validToDate.getTime() - Date.now();
  const sessionSeconds = Math.max(1, Math.min(Math.floor(leftMs / 1000), sessionSecondsMax));
  return { secure, identity, generation, sessionSeconds };
}

export interface TlsAcceptorOptions {
  readonly context: TlsContext;
  readonly alpnProtocols: readonly string[];
  readonly handshakeTimeoutMs: number;
  readonly onSecure: (socket: ByteSocket, peer: PeerCertificate) => void;
  /** `reason` names what failed, for the log: a certificate's flaw, or the library's error. */
  readonly onFailed: (reason: string, remoteAddress: string) => void;
  readonly ticketKeys?: Buffer;
}

/** Ends mutual TLS on connections that were accepted elsewhere. */
export interface TlsAcceptor {
  /** Takes the connection over, with the bytes already read from it. */
  accept(socket: ByteSocket, firstBytes: Buffer): void;
  /** New handshakes use the new identity; open connections go on with theirs. */
  setContext(context: TlsContext, ticketKeys?: Buffer): void;
  close(): void;
}

export function createTlsAcceptor(options: TlsAcceptorOptions): TlsAcceptor {
  const server: Server = createServer({
    ...contextOptions(options.context, options.ticketKeys),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: [...options.alpnProtocols],
    handshakeTimeout: options.handshakeTimeoutMs,
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const peer = peerCertificate(socket);
    // What a session was made with may have ended since.
    if (peer !== null && peer.validUntilMs > Date.now()) {
      return options.onSecure(adoptTls(socket), peer);
    }
    const address = remoteAddressBelow(socket);
    socket.destroy();
    options.onFailed(
      peer === null ? "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE" : "CERT_HAS_EXPIRED",
      address,
    );
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const flaw = socket.authorizationError as unknown as string | null;
    const peer = remoteAddressBelow(socket);
    socket.destroy();
    options.onFailed(flaw ?? error.code ?? "ERR_TLS", peer);
  });
  return {
    accept(socket, firstBytes) {
      // It is then known also when the connection is gone and its failure is told.
      void socket.remoteAddress;
      const raw = releaseForTls(socket, firstBytes);
      raw.on("error", ignoreError);
      server.emit("connection", raw);
    },
    setContext: (context, ticketKeys) => {
      server.setSecureContext(contextOptions(context, ticketKeys));
    },
    close: () => void server.close(),
  };
}

function contextOptions(context: TlsContext, ticketKeys: Buffer | undefined): object {
  return {
    key: context.identity.keyPem,
    cert: context.identity.chainPem,
    ca: context.identity.rootsPem,
    minVersion: "TLSv1.2",
    sessionIdContext: context.generation,
    sessionTimeout: context.sessionSeconds,
    ...(ticketKeys === undefined ? {} : { ticketKeys }),
  };
}

/** The TLS socket reports the failure; the raw one below it has nothing to add. */
function ignoreError(): void {}

export interface TlsConnectOptions {
  readonly address: string;
  readonly port: number;
  /** What it is dialled from; default null: what the system chooses. */
  readonly localAddress?: string | null;
  readonly context: TlsContext;
  /** Sent as SNI; "" sends none. */
  readonly serverName: string;
  readonly alpnProtocols: readonly string[];
  /** The peer must prove one of these SPIFFE IDs. Empty accepts none. */
  readonly peerIdentities: readonly string[];
  /** Told when it proves another one, "" where it has none. */
  readonly onWrongPeer: (spiffeId: string) => void;
  /** From `sessionOf` of an earlier connection with the same context and peer. */
  readonly session: Buffer | null;
  readonly onSession: ((session: Buffer, validUntilMs: number) => void) | null;
}

/**
 * Opens a mutual TLS connection; `onConnected` comes only when the peer proved an expected
 * identity.
 */
export function connectTls(options: TlsConnectOptions, owner: SocketOwner): ByteSocket {
  const socket = connect({
    host: options.address,
    port: options.port,
    ...(options.localAddress == null ? {} : { localAddress: options.localAddress }),
    secureContext: options.context.secure,
    ...(options.serverName === "" ? {} : { servername: options.serverName }),
    ALPNProtocols: [...options.alpnProtocols],
    checkServerIdentity: (_host, certificate) => {
      const spiffeId = uriOf(certificate.subjectaltname ?? "");
      if (options.peerIdentities.includes(spiffeId)) return undefined;
      options.onWrongPeer(spiffeId);
      return peerIdentityError(spiffeId);
    },
    ...(options.session === null ? {} : { session: options.session }),
  });
  socket.setNoDelay(true);
  const { onSession } = options;
  if (onSession !== null) {
    socket.on("session", (session: Buffer) => {
      onSession(session, peerCertificate(socket)?.validUntilMs ?? 0);
    });
  }
  return adoptTlsConnecting(socket, owner);
}

/** Error code of a peer that proved an identity that was not expected. */
export const wrongPeerIdentity = "ERR_WEFT_PEER_IDENTITY";

function peerIdentityError(spiffeId: string): Error {
  const error: NodeJS.ErrnoException = new Error(`the peer is ${spiffeId}`);
  error.code = wrongPeerIdentity;
  return error;
}
