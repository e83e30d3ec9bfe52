// The gRPC adapter of the server's end. TLS is ours (`node:tls`) and connections are handed to
// grpc-js when their handshake is done: only so can a client certificate be asked for without being
// required, and the server's own identity be replaced without dropping a stream.

import { constants, X509Certificate } from "node:crypto";
import type { AddressInfo } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import {
  type Metadata,
  Server as RpcServer,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerOptions,
  type ServerUnaryCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import type { Runtime } from "@weft/runtime";
import type { AgentMessage, ControlMessage } from "../../messages/weft/v1/agent.js";
import type {
  SignCertificateRequest,
  SignCertificateResponse,
} from "../../messages/weft/v1/identity.js";
import type { XdsPeer } from "../snapshot.ts";
import { StatusCode, StatusError } from "../status.ts";
import type { MessageStream, XdsStream } from "../stream.ts";
import { joinAddress, splitAddress } from "./address.ts";
import { serverStream } from "./duplex.ts";
import { attach, deltaAds, type Method, signCertificate, sotwAds } from "./methods.ts";
import { spiffeIdOf } from "./spiffe-id.ts";

/** PEM throughout. */
export interface ServerIdentity {
  /** Leaf first, then intermediates. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** Every root peers may chain to; shown to clients too, which may know no more than a pin. */
  readonly rootsPem: string;
}

/** The control plane's end of `weft.v1.Agents/Attach`. */
export type AgentStream = MessageStream<AgentMessage, ControlMessage>;

/** Streams and calls arrive with what TLS and metadata say of the peer; handlers decide. */
export interface GrpcHandlers {
  deltaAds(stream: XdsStream, peer: XdsPeer): void;
  sotwAds(stream: XdsStream, peer: XdsPeer): void;
  attach(stream: AgentStream, peer: XdsPeer): void;
  /** Throws `StatusError` to refuse. */
  signCertificate(request: SignCertificateRequest, peer: XdsPeer): Promise<SignCertificateResponse>;
}

export interface GrpcServerOptions {
  readonly runtime: Runtime;
  /** `host:port`; port 0 picks a free one. */
  readonly listen: string;
  readonly identity: ServerIdentity;
  readonly handlers: GrpcHandlers;
  /** A peer silent for this long is asked, and dropped after as long again; default 5 s. */
  readonly keepaliveMs?: number;
}

export interface GrpcServer {
  /** `host:port` as bound. */
  readonly address: string;
  /** Serves new connections with this identity; open ones stay. */
  setIdentity(identity: ServerIdentity): void;
  /** Takes no more connections, and ends those left after `graceMs` (default 0). */
  close(graceMs?: number): Promise<void>;
}

/** Rejects with the system's error (`EADDRINUSE`, `EACCES`) when the address cannot be had. */
export async function openGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { runtime, handlers } = options;
  const rpc = new RpcServer(rpcOptions(options.keepaliveMs ?? 5000));
  const sockets = new Map<string, TLSSocket>();
  const abort = (address: string) => (): void => void sockets.get(address)?.destroy();
  const serveStream = <Up, Down>(
    method: Method<Up, Down>,
    handler: (stream: MessageStream<Up, Down>, peer: XdsPeer) => void,
  ): void => {
    rpc.register(
      method.path,
      (call: ServerDuplexStream<Buffer, Buffer>) => {
        const peer = peerOf(call);
        const drop = abort(peer.address);
        handler(serverStream(runtime, call, method.up, method.down, drop), peer);
      },
      passThrough,
      passThrough,
      "bidi",
    );
  };
  serveStream(deltaAds, (stream, peer) => handlers.deltaAds(stream, peer));
  serveStream(sotwAds, (stream, peer) => handlers.sotwAds(stream, peer));
  serveStream(attach, (stream, peer) => handlers.attach(stream, peer));
  serveCall(runtime, rpc, signCertificate, (request, peer) =>
    handlers.signCertificate(request, peer),
  );
  const injector = rpc.createConnectionInjector(ServerCredentials.createInsecure());
  const server = createServer({
    ...contextOf(options.identity),
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    handshakeTimeout: 10_000,
  });
  server.on("secureConnection", (socket) => {
    const address = addressOf(socket);
    sockets.set(address, socket);
    socket.on("close", () => sockets.delete(address));
    // A reset connection ends its streams; there is no one else to tell.
    socket.on("error", () => undefined);
    socket.setNoDelay(true);
    injector.injectConnection(socket);
  });
  server.on("tlsClientError", (error) => {
    runtime.log.debug(`TLS handshake failed: ${error.message}`);
  });
  const address = await listen(server, options.listen);
  return {
    address,
    setIdentity: (identity) => server.setSecureContext(contextOf(identity)),
    close: (graceMs = 0) =>
      new Promise((resolve) => {
        server.close(() => resolve());
        injector.drain(graceMs);
        const finish = (): void => {
          rpc.forceShutdown();
          for (const socket of sockets.values()) socket.destroy();
        };
        if (graceMs === 0) finish();
        else runtime.timers.after(graceMs, finish);
      }),
  };
}

function rpcOptions(keepaliveMs: number): ServerOptions {
  return {
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveMs,
    "grpc.max_receive_message_length": 16 * 1024 * 1024,
    "grpc.max_send_message_length": -1,
    "grpc.enable_channelz": 0,
  };
}

const passThrough = (bytes: Buffer): Buffer => bytes;

function serveCall<Up, Down>(
  runtime: Runtime,
  rpc: RpcServer,
  method: Method<Up, Down>,
  handler: (request: Up, peer: XdsPeer) => Promise<Down>,
): void {
  const onCall = async (
    call: ServerUnaryCall<Up, Down>,
    answer: sendUnaryData<Down>,
  ): Promise<void> => {
    try {
      answer(null, await handler(call.request, peerOf(call)));
    } catch (error) {
      if (error instanceof StatusError) {
        return answer({ code: error.code, details: error.message });
      }
      runtime.log.error(`${method.path} failed: ${String(error)}`);
      answer({ code: StatusCode.internal, details: "the control plane failed; see its log" });
    }
  };
  rpc.register(
    method.path,
    (call: ServerUnaryCall<Up, Down>, answer: sendUnaryData<Down>) => void onCall(call, answer),
    (message: Down) => method.down.encode(message),
    (bytes: Buffer) => method.up.decode(bytes),
    "unary",
  );
}

/** grpc-js answers with a certificate only when TLS has verified its chain. */
function peerOf(call: {
  getAuthContext(): { sslPeerCertificate?: { raw: Buffer } | undefined };
  getPeer(): string;
  readonly metadata: Metadata;
}): XdsPeer {
  const raw = call.getAuthContext().sslPeerCertificate?.raw;
  const [authorization] = call.metadata.get("authorization");
  const token = /^Bearer (\S+)$/i.exec(String(authorization ?? ""))?.[1] ?? null;
  return {
    spiffeId: raw === undefined ? null : spiffeIdOf(new X509Certificate(raw)),
    token,
    address: call.getPeer(),
  };
}

/** As grpc-js writes it. */
function addressOf(socket: TLSSocket): string {
  return `${socket.remoteAddress ?? ""}:${socket.remotePort ?? 0}`;
}

function contextOf(identity: ServerIdentity): SecureContextOptions {
  return {
    key: identity.keyPem,
    cert: `${identity.chainPem.trimEnd()}\n${identity.rootsPem}`,
    ca: identity.rootsPem,
    minVersion: "TLSv1.2",
    // A resumed session would skip the verification of the client's chain.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

function listen(server: Server, text: string): Promise<string> {
  const { host, port } = splitAddress(text);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.removeListener("error", reject);
      const bound = server.address() as AddressInfo;
      resolve(joinAddress(host, bound.port));
    });
  });
}
