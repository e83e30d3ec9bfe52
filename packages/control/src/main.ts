// Composes a control plane: store, model, publisher, CA, registry, REST API and gRPC port.
// (Public types first; the implementation follows.)

import type { Runtime } from "@weft/runtime";
import type { ControlSettings } from "./settings.ts";

export interface ControlPlaneOptions {
  readonly runtime: Runtime;
  /** Holds store, CA and the local join secret; made when it is missing. */
  readonly dataDir: string;
  /** REST API, `host:port`; port 0 for a free one. Default 127.0.0.1:7070. */
  readonly listen?: string;
  /** gRPC, `host:port`; port 0 for a free one. Default 127.0.0.1:7071. */
  readonly xdsListen?: string;
  /** A backup to put into the empty data directory first. */
  readonly restore?: string;
  readonly settings?: Partial<ControlSettings>;
  readonly version?: string;
}

/** A running control plane. */
export interface ControlPlane {
  /** `host:port` as bound. */
  readonly apiAddress: string;
  readonly xdsAddress: string;
  readonly trustDomain: string;
  /** Every stored object has been read and proxies are being served. */
  readonly ready: Promise<void>;
  /** Ends streams, writes what is pending, releases the data directory. */
  close(): Promise<void>;
}

export declare function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane>;
