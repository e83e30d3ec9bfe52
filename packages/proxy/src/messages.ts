// What the main thread and a worker say to each other. Everything is plain data that can be
// cloned; counters travel as shared memory.

import type { LogFields, LogLevel } from "@weft/runtime";
import type { Direction, ResourceChange } from "@weft/rules";
import type { OverloadLevel } from "./overload.ts";
import type { ThreadSettings } from "./thread.ts";
import type { ClusterDelta, ConnectionCounts, StatsDelta } from "./telemetry/stats.ts";
import type { IdentityBytes } from "./tls/identity.ts";
import type { SharedCounters } from "./upstream/cluster.ts";

/** `workerData` of a new thread. */
export interface WorkerStart {
  readonly number: number;
  /** Workers of this proxy, which share its ports. */
  readonly workerCount: number;
  readonly settings: ThreadSettings;
  readonly accessLog: boolean;
  /** Where the main thread keeps compiled code; null when it does not. */
  readonly compileCacheDir: string | null;
}

export interface ClusterShare extends SharedCounters {
  readonly name: string;
  /** Endpoints that sit out now. */
  readonly ejected: readonly string[];
}

/** Where a listener's connections belong when they are not the outbound listener's own. */
interface UpstreamBinding {
  readonly service: string;
  readonly namespace: string;
  readonly port: number | null;
}

/** An address that stands for a service in captured connections. */
export interface AssignedAddress {
  readonly address: string;
  readonly service: string;
  readonly namespace: string;
}

export interface ListenOrder {
  /** Unique: `outbound`, `inbound/<port>`, `upstream/<name>`. */
  readonly name: string;
  readonly resourceName: string;
  readonly binding: UpstreamBinding | null;
  /** Connections that the packet filter turned here, and no others; null: anybody's. */
  readonly captured: Direction | null;
  /** Null: listen on address and port in the worker. */
  readonly fd: number | null;
  readonly address: string;
  readonly port: number;
  /** The port is the one a dead predecessor had: wait for it. */
  readonly insists: boolean;
}

export type ToWorker =
  | {
      readonly kind: "configure";
      readonly version: string;
      readonly changes: readonly ResourceChange[];
      readonly clusters: readonly ClusterShare[];
    }
  | { readonly kind: "identity"; readonly identity: IdentityBytes }
  | { readonly kind: "listen"; readonly orders: readonly ListenOrder[] }
  | { readonly kind: "add-listeners"; readonly id: number; readonly orders: readonly ListenOrder[] }
  | {
      readonly kind: "assign";
      readonly id: number;
      readonly addresses: readonly AssignedAddress[];
    }
  | { readonly kind: "remove-listeners"; readonly names: readonly string[] }
  | { readonly kind: "eject"; readonly cluster: string; readonly keys: readonly string[] }
  | {
      readonly kind: "overload";
      readonly level: OverloadLevel;
      /** False where the worker's own socket would be lost with what waits in it. */
      readonly mayStop: boolean;
    }
  /** It serves far more than the others: one busy connection is to go elsewhere. */
  | { readonly kind: "relieve" }
  | { readonly kind: "report"; readonly id: number }
  | {
      readonly kind: "ask";
      readonly id: number;
      readonly topic: string;
      readonly args: Readonly<Record<string, string>>;
    }
  /** Idle connections that nothing can be told stay so long. */
  | { readonly kind: "drain"; readonly keepIdleMs: number }
  | { readonly kind: "close" };

export interface WorkerReport {
  readonly requests: readonly StatsDelta[];
  readonly clusters: readonly ClusterDelta[];
  readonly connections: Readonly<ConnectionCounts>;
  readonly activeCount: number;
}

export type FromWorker =
  | { readonly kind: "started" }
  | { readonly kind: "listening"; readonly name: string; readonly port: number }
  | { readonly kind: "configured"; readonly version: string }
  | { readonly kind: "report"; readonly id: number; readonly report: WorkerReport }
  | { readonly kind: "limit"; readonly cluster: string; readonly endpoint: string }
  | { readonly kind: "answer"; readonly id: number; readonly body: unknown }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: LogFields;
    }
  /** It stopped accepting and would begin again. */
  | { readonly kind: "accept-again" }
  | { readonly kind: "drained" };
