// The gRPC adapter of the client's end: one connection to the control plane, which is recognised by
// its SPIFFE ID under a root held or pinned, whatever its address. Proxy settings of the
// environment do not apply: this channel is not the program's traffic.

import { X509Certificate } from "node:crypto";
import { createSecureContext, type PeerCertificate } from "node:tls";
import {
  ChannelCredentials,
  type ChannelOptions,
  Client,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import type { Runtime } from "@weft/runtime";
import type { AgentMessage, ControlMessage } from "../../messages/weft/v1/agent.js";
import type {
  SignCertificateRequest,
  SignCertificateResponse,
} from "../../messages/weft/v1/identity.js";
import { StatusCode, StatusError } from "../status.ts";
import type { MessageStream, XdsStream } from "../stream.ts";
import { clientStream } from "./duplex.ts";
import { attach, deltaAds, type Method, signCertificate } from "./methods.ts";
import { fetchPinnedRoot } from "./pinned-root.ts";
import { onlyUri, spiffeIdOf, trustDomainOf } from "./spiffe-id.ts";

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
  /** Null or absent: the root's, or else the one of the control plane's first certificate. */
  readonly trustDomain?: string | null;
  /** A server silent for this long is asked, and given up after as long again; default 5 s. */
  readonly keepaliveMs?: number;
}

/** The agent's end of `weft.v1.Agents/Attach`. */
export type ControlStream = MessageStream<ControlMessage, AgentMessage>;

export interface GrpcChannel {
  /** The roots in use: those given, or the one the pin led to. */
  readonly rootsPem: string;
  /** The trust domain of the control plane; "" until it is known. */
  readonly trustDomain: string;
  deltaAds(): XdsStream;
  attach(): ControlStream;
  /** Rejects with `StatusError`. */
  signCertificate(request: SignCertificateRequest): Promise<SignCertificateResponse>;
  /** New streams and calls use these; open streams stay on their connection. */
  setIdentity(identity: ChannelIdentity, rootsPem: string): void;
  close(): void;
}

/** The path of the control plane's SPIFFE ID. */
export const controlPlanePath = "/ns/weft-system/sa/control-plane";

/**
 * With a pin it contacts the server, and rejects with `StatusError` when that is away (unavailable)
 * or not ours (unauthenticated). With roots it connects when first used.
 */
export async function openGrpcChannel(options: GrpcChannelOptions): Promise<GrpcChannel> {
  const { address, trust } = options;
  const rootsPem =
    "rootsPem" in trust
      ? trust.rootsPem
      : await fetchPinnedRoot(address, trust.rootSha256, connectTimeoutMs);
  if (!rootsPem.includes("-----BEGIN CERTIFICATE-----")) {
    // TLS would take an empty list for the system's roots.
    throw new StatusError(
      StatusCode.failedPrecondition,
      "no root to recognise the control plane by",
    );
  }
  return new Channel(options, rootsPem);
}

const connectTimeoutMs = 5000;
const callTimeoutMs = 15_000;

const channelOptions: ChannelOptions = {
  "grpc.enable_http_proxy": 0,
  "grpc.enable_channelz": 0,
  "grpc.use_local_subchannel_pool": 1,
  // The name that TLS sends; the server is recognised by its SPIFFE ID, and may be at an address.
  "grpc.ssl_target_name_override": "control-plane.weft-system",
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 3000,
  "grpc.max_receive_message_length": 256 * 1024 * 1024,
};

class Channel implements GrpcChannel {
  readonly #options: GrpcChannelOptions;
  #rootsPem: string;
  #trustDomain: string;
  #client: Client;
  /** Open streams by client. */
  readonly #streams = new WeakMap<Client, number>();
  /** Clients of earlier identities whose streams are still open. */
  readonly #retired = new Set<Client>();

  constructor(options: GrpcChannelOptions, rootsPem: string) {
    this.#options = options;
    this.#rootsPem = rootsPem;
    this.#trustDomain = options.trustDomain ?? trustDomainOf(rootUri(rootsPem));
    this.#client = this.#open(options.identity);
  }

  get rootsPem(): string {
    return this.#rootsPem;
  }

  get trustDomain(): string {
    return this.#trustDomain;
  }

  deltaAds(): XdsStream {
    return this.#stream(deltaAds);
  }

  attach(): ControlStream {
    return this.#stream(attach);
  }

  signCertificate(request: SignCertificateRequest): Promise<SignCertificateResponse> {
    const { path, up, down } = signCertificate;
    const deadline = this.#options.runtime.clock.nowMs() + callTimeoutMs;
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: SignCertificateResponse): void => {
        if (error === null && response !== undefined) return resolve(response);
        const code = error?.code ?? StatusCode.internal;
        reject(new StatusError(code, error?.details ?? "no answer", { cause: error }));
      };
      const { encode } = up;
      this.#client.makeUnaryRequest(
        path,
        encode,
        down.decode,
        request,
        this.#metadata(),
        { deadline },
        done,
      );
    });
  }

  setIdentity(identity: ChannelIdentity, rootsPem: string): void {
    const old = this.#client;
    this.#rootsPem = rootsPem;
    this.#client = this.#open(identity);
    // Closing it now would end its connection, and with it the streams, at the next keepalive.
    if (this.#streamCount(old) === 0) old.close();
    else this.#retired.add(old);
  }

  close(): void {
    this.#client.close();
    for (const client of this.#retired) client.close();
    this.#retired.clear();
  }

  #streamCount(client: Client): number {
    return this.#streams.get(client) ?? 0;
  }

  /** A client that was replaced goes with its last stream. */
  #streamEnded(client: Client): void {
    this.#streams.set(client, this.#streamCount(client) - 1);
    if (this.#streamCount(client) === 0 && this.#retired.delete(client)) client.close();
  }

  #open(identity: ChannelIdentity | null): Client {
    const context = createSecureContext({
      ca: this.#rootsPem,
      minVersion: "TLSv1.2",
      ...(identity !== null && { key: identity.keyPem, cert: identity.chainPem }),
    });
    const credentials = ChannelCredentials.createFromSecureContext(context, {
      checkServerIdentity: (_, certificate) => this.#check(certificate),
    });
    const keepaliveMs = this.#options.keepaliveMs ?? 5000;
    return new Client(this.#options.address, credentials, {
      ...channelOptions,
      "grpc.keepalive_time_ms": keepaliveMs,
      "grpc.keepalive_timeout_ms": keepaliveMs,
    });
  }

  /** Called once the chain is verified. */
  #check(certificate: PeerCertificate): Error | undefined {
    const id = spiffeIdOf(new X509Certificate(certificate.raw));
    const trustDomain = trustDomainOf(id ?? "");
    const wanted = `spiffe://${this.#trustDomain || trustDomain}${controlPlanePath}`;
    if (id !== wanted) {
      return new Error(`the server is ${id ?? "without a SPIFFE ID"}, not ${wanted}`);
    }
    this.#trustDomain = trustDomain;
    return undefined;
  }

  #stream<Up, Down>(method: Method<Up, Down>): MessageStream<Down, Up> {
    const same = (bytes: Buffer): Buffer => bytes;
    const client = this.#client;
    const call = client.makeBidiStreamRequest(method.path, same, same, this.#metadata());
    this.#streams.set(client, this.#streamCount(client) + 1);
    call.once("status", () => this.#streamEnded(client));
    return clientStream(this.#options.runtime, call, method.up, method.down);
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    const { token } = this.#options;
    if (token !== null) metadata.set("authorization", `Bearer ${token}`);
    return metadata;
  }
}

/** The `spiffe://<trust domain>` of the first root; "" when it has none. */
function rootUri(rootsPem: string): string {
  try {
    return onlyUri(new X509Certificate(rootsPem)) ?? "";
  } catch {
    return "";
  }
}
