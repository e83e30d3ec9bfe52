// The proxy as its owner sees it: what an agent gives it and what it can ask of it. The owner
// lives on the main thread; requests run only in worker threads (decision D4).

import type { Inheritance, Runtime } from "@weft/runtime";
import type { XdsClient, XdsClientHandler } from "@weft/xds";
import type { LoadRow } from "@weft/xds/messages/weft/v1/agent.js";
import type { NamedEndpoint, NamedService } from "./config/service-names.ts";
import type { ListenOutcome } from "./virtual-listeners.ts";

export type { ListenOutcome, LoadRow, NamedEndpoint, NamedService };

export type PortProtocol = "http" | "http2" | "grpc" | "tcp";

/** Whom this proxy stands beside. */
export interface ProxyWorkload {
  readonly namespace: string;
  /** Name of the Workload, e.g. `catalog-kvtqz`. */
  readonly workload: string;
  /** Name of the Service, or "" when the workload only calls. */
  readonly service: string;
  readonly version: string;
}

export interface ListenAddress {
  readonly address: string;
  /** 0 asks for any free port; a taken port is replaced by a free one. */
  readonly preferredPort: number;
}

export interface InboundAddress extends ListenAddress {
  /** Name of the Workload's port; its listener resource is `inbound/<portName>`. */
  readonly portName: string;
  /** Where the program itself listens. */
  readonly appAddress: string;
  readonly appPort: number;
  readonly protocol: PortProtocol;
}

/** `--upstream S[.N][:PORT]`: a loopback listener bound to that one service. */
export interface UpstreamAddress {
  /** The key of `ProxyPorts.upstreams`. */
  readonly name: string;
  readonly service: string;
  readonly namespace: string;
  /** Null: the Service's only port, else 80, else its first. */
  readonly port: number | null;
}

/** Connections come by the packet filter, and their original destination says whither. */
export interface CaptureAddresses {
  /** One listener for all inbound ports; it is the proxy's only one. */
  readonly inbound: ListenAddress;
  /** It takes what TPROXY turns to it as well. */
  readonly isTransparent: boolean;
  /** The program sees who called: routes bring its answers back to us. */
  readonly keepsClientAddress: boolean;
  /** Meshed endpoints of that address are dialled from another (`agent/capture/rule-set.ts`). */
  readonly peerDial: { readonly address: string; readonly from: string } | null;
}

export interface ProxyAddresses {
  /** Default null: programs connect to the listeners themselves. */
  readonly capture?: CaptureAddresses | null;
  readonly outbound: ListenAddress;
  readonly admin: ListenAddress;
  readonly metrics: ListenAddress;
  readonly readiness: ListenAddress;
  readonly inbound: readonly InboundAddress[];
  readonly upstreams: readonly UpstreamAddress[];
}

export interface ProxyOptions {
  readonly runtime: Runtime;
  readonly workload: ProxyWorkload;
  readonly trustDomain: string;
  /** Cluster DNS domain, `cluster.local`. */
  readonly domain: string;
  /** Worker threads; without FFI there is always one. */
  readonly concurrency: number;
  /** How long a removed listener lets its exchanges finish. */
  readonly drainMs: number;
  readonly addresses: ProxyAddresses;
  /** Of the whole process; near it less is taken on (`overload.ts`). Default 0: none. */
  readonly memoryLimitBytes?: number;
  /** Sockets of the process before this one, and for the next. Default: none. */
  readonly inheritance?: Inheritance;
  /**
   * What has to be done when the configuration is in force and nothing is accepted yet on sockets
   * of a process before. Never rejects. Default: nothing.
   */
  readonly prepare?: () => Promise<void>;
  /** One line per exchange goes to the runtime's log. Default false. */
  readonly accessLog?: boolean;
  /**
   * Keep the decision record of requests that carry `x-weft-explain` (`weft request`). Default
   * false.
   */
  readonly explain?: boolean;
  /** The newest lines of the owner's log, for `weft proxy log`. Default none. */
  readonly logLines?: () => readonly string[];
}

export interface ProxyPorts {
  readonly outbound: number;
  readonly admin: number;
  readonly metrics: number;
  readonly readiness: number;
  /** By port name: where peers reach it. With capture that is the program's own port. */
  readonly inbound: Readonly<Record<string, number>>;
  /** Where captured connections come in; 0 without capture. */
  readonly capturedInbound: number;
  /** By `UpstreamAddress.name`: `127.0.0.1:<port>`. */
  readonly upstreams: Readonly<Record<string, string>>;
}

/**
 * This workload's X.509-SVID with its key; PEM. Calling again renews it without failing a
 * request.
 */
export interface ProxyIdentity {
  readonly keyPem: string;
  /** Leaf first, then intermediates. */
  readonly chainPem: string;
  /** Every root of the trust domain. */
  readonly rootsPem: string;
  readonly spiffeId: string;
  readonly notAfterMs: number;
}

/** `weft proxy …` topics; each answers JSON. */
export type ProxyTopic =
  | "config"
  | "listeners"
  | "routes"
  | "clusters"
  | "endpoints"
  | "stats"
  | "explain"
  | "status";

/** What every kind of proxy is to its agent: the built-in one, and an Envoy that it supervises. */
export interface DataPlane {
  readonly ports: ProxyPorts;
  /** Sockets, SVID and a complete snapshot: the program's first request will not fail. */
  readonly ready: Promise<void>;
  readonly isReady: boolean;
  setIdentity(identity: ProxyIdentity): void;
  /** Runs the last good configuration; false when the bytes are of another version or damaged. */
  loadSnapshot(bytes: Uint8Array): boolean;
  /** Called some moments after a change with the bytes to keep on disk. */
  onSnapshot(listener: (bytes: Uint8Array) => void): void;
  /** Content hash of the configuration the workers run, "" before the first. */
  readonly configVersion: string;
  /** The service of that (lower-case) name, as this workload may call it; null: none. */
  findService(name: string): NamedService | null;
  /** Its ready endpoints, each address once. */
  endpointsOf(service: NamedService): readonly NamedEndpoint[];
  /** Listens on a loopback address for a service, at all its ports. */
  listenFor(service: NamedService, address: string): Promise<ListenOutcome>;
  /** Captured connections to the address go to the service; resolves when every worker knows. */
  assign(service: NamedService, address: string): Promise<void>;
  /** What was measured since the last call, one row per label set. */
  takeLoad(): LoadRow[];
  /** Rejects on an unknown topic. `explain` takes `{ requestId }`. */
  ask(topic: ProxyTopic | (string & {}), args: Readonly<Record<string, string>>): Promise<unknown>;
  /**
   * No new connections; finishes what is in flight, at most `ms`; resolves when nothing is left.
   */
  drain(ms: number): Promise<void>;
  /**
   * Another process accepts on the same sockets: finishes what is in flight and keeps idle
   * connections, at most `ms`; the sockets stay open, also after `close`.
   */
  handOver(ms: number): Promise<void>;
  /**
   * Puts new worker threads in the place of all, one after the other, without losing a request or a
   * connection. False where that is not possible (without FFI).
   */
  replaceWorkers(): Promise<boolean>;
  close(): Promise<void>;
}

/** The built-in proxy; its agent speaks xDS for it. */
export interface ProxyHandle extends DataPlane {
  /** Give it to `createXdsClient`. */
  readonly xdsHandler: XdsClientHandler;
  /** Lets the proxy subscribe to what it needs; call it once the client exists. */
  attach(client: Pick<XdsClient, "subscribe" | "unsubscribe">): void;
  /** Versions of a loaded snapshot's resources, for `XdsClientOptions.held`. */
  heldVersions(): ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** The decision record of one request: what `ask("explain", { requestId })` answers. */
export interface Explanation {
  readonly requestId: string;
  readonly route: string;
  readonly cluster: string;
  readonly attempts: readonly ExplainedAttempt[];
  readonly policies: readonly ExplainedPolicy[];
  readonly configVersion: string;
  readonly flag: string;
}

export interface ExplainedAttempt {
  readonly endpoint: string;
  /** HTTP status, or 0 when no response came. */
  readonly status: number;
  readonly durationMs: number;
}

export interface ExplainedPolicy {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly rule: string;
  readonly decision: string;
}
