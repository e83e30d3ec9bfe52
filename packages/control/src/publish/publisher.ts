// Joins model, compiler and xDS server: takes the store's events, keeps the model, compiles what
// changed, publishes snapshots to the proxies that can see the change, and hears their answers.
// (Public types first; the implementation follows in this folder.)

import type { Runtime } from "@weft/runtime";
import type { SnapshotSource, XdsServerEvents } from "@weft/xds";
import type { EffectivePolicy } from "../compile/effective-policy.ts";
import type { Objects } from "../rest/operations.ts";

/** The roots every proxy trusts; G's authority gives them, and says when they change. */
export interface TrustRoots {
  /** All roots of the bundle, PEM, one after the other. */
  bundlePem(): string;
  onChange?(listener: () => void): { close(): void };
}

export interface PublisherOptions {
  readonly runtime: Runtime;
  readonly objects: Pick<Objects, "watchAll" | "patchStatus">;
  readonly roots: TrustRoots;
  readonly trustDomain: string;
  /** Events within this window are taken together; default 10 ms. */
  readonly debounceMs?: number;
  /** A publication is never later than this after its first event; default 100 ms. */
  readonly debounceMaxMs?: number;
}

/** A refusal of one resource type by one proxy. */
export interface ProxyNack {
  readonly typeUrl: string;
  readonly version: string;
  readonly message: string;
  readonly atMs: number;
}

/** What `weft proxy list` shows of one connected proxy. */
export interface ProxyStatus {
  /** `<namespace>/<workload>`, the xDS node id. */
  readonly proxy: string;
  readonly namespace: string;
  readonly workload: string;
  readonly serviceAccount: string;
  readonly kind: "builtin" | "envoy";
  /** The agent's version. */
  readonly version: string;
  readonly connectedAtMs: number;
  /** The snapshot it should have, and the one it last applied as a whole (null: none yet). */
  readonly configVersion: string | null;
  readonly appliedVersion: string | null;
  /** Applied is what it should have; refused: it answered the newest with a NACK. */
  readonly sync: "synced" | "waiting" | "refused";
  /** Versions acknowledged, by type URL. */
  readonly acked: Readonly<Record<string, string>>;
  /** The standing refusals: gone once the type is acknowledged again. */
  readonly nacks: readonly ProxyNack[];
}

/** Figures for `/metrics`. */
export interface PublisherFigures {
  readonly proxies: number;
  readonly publications: number;
  readonly nacks: number;
  /** Publications refused because they would have dangled. */
  readonly refusals: number;
  /** Milliseconds from the first event of the last publication to its end. */
  readonly lastPublishMs: number;
}

export interface Publisher extends SnapshotSource, XdsServerEvents {
  /** Resolves when the store has been read once; nothing is sent before. */
  readonly synced: Promise<void>;
  /**
   * Resolves when every connected proxy has answered a snapshot that contains this store revision
   * (a metadata.resourceVersion); proxies that refused it count as having answered.
   */
  settled(resourceVersion: string | number): Promise<void>;
  proxies(): readonly ProxyStatus[];
  /** The values in force for a service, for `weft describe service`; null: no such service. */
  effective(namespace: string, service: string): EffectivePolicy | null;
  figures(): PublisherFigures;
  close(): void;
}

export declare function createPublisher(options: PublisherOptions): Publisher;
