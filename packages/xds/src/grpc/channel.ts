// The gRPC adapter of the client's end.

import type { Runtime } from "@weft/runtime";
import type { AgentMessage, ControlMessage } from "../../messages/weft/v1/agent.js";
import type {
  SignCertificateRequest,
  SignCertificateResponse,
} from "../../messages/weft/v1/identity.js";
import type { MessageStream, XdsStream } from "../stream.ts";

/** How the control plane is recognised: by roots held already, or by the pin of a join token. */
export type ServerTrust =
  | { readonly rootsPem: string }
  /** Lower-case hex SHA-256 of the root's SubjectPublicKeyInfo. */
  | { readonly rootSha256: string };

export interface ChannelIdentity {
  readonly chainPem: string;
  readonly keyPem: string;
}

export interface GrpcChannelOptions {
  readonly runtime: Runtime;
  /** `host:port`. */
  readonly address: string;
  readonly trust: ServerTrust;
  /** Our SVID; null before first contact. */
  readonly identity: ChannelIdentity | null;
  /** Sent as `authorization: Bearer`; null when the SVID is enough. */
  readonly token: string | null;
  /** Null: taken from the control plane's certificate. */
  readonly trustDomain?: string | null;
}

/** The agent's end of `weft.v1.Agents/Attach`. */
export type ControlStream = MessageStream<ControlMessage, AgentMessage>;

export interface GrpcChannel {
  /** The roots in use: those given, or the one the pin led to. */
  readonly rootsPem: string;
  /** The trust domain of the control plane. */
  readonly trustDomain: string;
  deltaAds(): XdsStream;
  attach(): ControlStream;
  signCertificate(request: SignCertificateRequest): Promise<SignCertificateResponse>;
  /** New streams and calls use this identity and these roots; open streams stay on their connection. */
  setIdentity(identity: ChannelIdentity, rootsPem: string): void;
  close(): void;
}

/** Rejects with `StatusError` when the server is away (unavailable) or is not ours (unauthenticated). */
export function openGrpcChannel(_options: GrpcChannelOptions): Promise<GrpcChannel> {
  return Promise.reject(new Error("not built yet"));
}
