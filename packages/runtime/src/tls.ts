// TLS for the proxy: contexts made once per identity, servers that take over connections already
// accepted, clients that prove whom they reached. Names are SPIFFE IDs in URI SANs; host names are
// never checked. Resumption skips chain verification, so sessions live only as long as the context
// they were made with.

import { createHash, X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
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
  type SocketOwner,
} from "./net.ts";

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

/** The socket below a TLS socket; without it a failed handshake is logged without an address. */
interface Wrapping extends TLSSocket {
  _parent?: Socket;
}

export interface TlsAcceptorOptions {
  readonly context: TlsContext;
  readonly alpnProtocols: readonly string[];
  readonly handshakeTimeoutMs: number;
  readonly onSecure: (socket: ByteSocket) => void;
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
    if (!socket.isSessionReused() || peerValidUntilMs(socket) > Date.now()) {
      return options.onSecure(adoptTls(socket));
    }
    const peer = socket.remoteAddress ?? "";
    socket.destroy();
    options.onFailed("CERT_HAS_EXPIRED", peer);
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const flaw = socket.authorizationError as unknown as string | null;
    const peer = (socket as Wrapping)._parent?.remoteAddress ?? "";
    socket.destroy();
    options.onFailed(flaw ?? error.code ?? "ERR_TLS", peer);
  });
  return {
    accept(socket, firstBytes) {
      // Node then remembers it, also when the connection is gone and its failure is told.
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
    socket.on("session", (session: Buffer) => onSession(session, peerValidUntilMs(socket)));
  }
  return adoptTlsConnecting(socket, owner);
}

/** When the peer's leaf ends; a resumed session still has it. 0 without one. */
function peerValidUntilMs(socket: TLSSocket): number {
  return socket.getPeerX509Certificate()?.validToDate.getTime() ?? 0;
}

/** Error code of a peer that proved an identity that was not expected. */
export const wrongPeerIdentity = "ERR_WEFT_PEER_IDENTITY";

function peerIdentityError(spiffeId: string): Error {
  const error: NodeJS.ErrnoException = new Error(`the peer is ${spiffeId}`);
  error.code = wrongPeerIdentity;
  return error;
}

export interface PeerCertificate {
  /** The one URI SAN, or "" when there is not exactly one. */
  readonly spiffeId: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly hash: string;
}

/** Who is at the other end of a verified connection; null without a certificate. */
export function peerCertificateOf(socket: ByteSocket): PeerCertificate | null {
  const certificate: X509Certificate | undefined = socket.tls?.getPeerX509Certificate();
  if (certificate === undefined) return null;
  return {
    spiffeId: uriOf(certificate.subjectAltName ?? ""),
    hash: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}

/** An X.509-SVID has exactly one URI SAN (SPIFFE X.509-SVID §2); anything else is no identity. */
function uriOf(subjectAltName: string): string {
  let found = "";
  for (const part of subjectAltName.split(", ")) {
    if (!part.startsWith("URI:")) continue;
    if (found !== "") return "";
    found = part.slice(4);
  }
  return found;
}
