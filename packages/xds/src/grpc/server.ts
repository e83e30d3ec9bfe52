// The gRPC adapter of the server's end.

import type { Runtime } from "@weft/runtime";
import type { AgentMessage, ControlMessage } from "../../messages/weft/v1/agent.js";
import type {
  SignCertificateRequest,
  SignCertificateResponse,
} from "../../messages/weft/v1/identity.js";
import type { XdsPeer } from "../snapshot.ts";
import type { MessageStream, XdsStream } from "../stream.ts";

/** PEM throughout. */
export interface TlsIdentity {
  /** Leaf first, then intermediates. */
  readonly chainPem: string;
  readonly keyPem: string;
  /** Every root peers may chain to. */
  readonly rootsPem: string;
}

/** The control plane's end of `weft.v1.Agents/Attach`. */
export type AgentStream = MessageStream<AgentMessage, ControlMessage>;

/** Streams and calls arrive with what TLS and metadata say of the peer; handlers decide what it may do. */
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
  readonly identity: TlsIdentity;
  readonly handlers: GrpcHandlers;
}

export interface GrpcServer {
  /** `host:port` as bound. */
  readonly address: string;
  /** Serves new connections with this identity; open ones stay. */
  setIdentity(identity: TlsIdentity): void;
  /** Takes no more connections, and ends those left after `graceMs` (default 0). */
  close(graceMs?: number): Promise<void>;
}

/** Asks clients for a certificate and requires none. */
export function openGrpcServer(_options: GrpcServerOptions): Promise<GrpcServer> {
  return Promise.reject(new Error("not built yet"));
}
