// The endpoints of one ClusterLoadAssignment. A table keeps the bytes it was read from, so that the
// next version of the same resource decodes only what differs (`compile-endpoints.ts`).

import type { Fields } from "./tables.ts";

export type EndpointHealth = "healthy" | "unhealthy" | "draining" | "degraded";

export class EndpointRow {
  /** `address:port`, unique in its table. */
  readonly key: string;
  readonly address: string;
  readonly port: number;
  readonly health: EndpointHealth;
  /** At least 1. */
  readonly weight: number;
  readonly region: string;
  readonly zone: string;
  /** [name, value, …] that choose the cluster's transport; empty: the one that matches anything. */
  readonly transportMatch: readonly string[];
  /** What `dev.weft` says; "" when it does not. */
  readonly workload: string;
  readonly identity: string;
  readonly version: string;

  constructor(fields: Fields<EndpointRow>) {
    this.key = fields.key;
    this.address = fields.address;
    this.port = fields.port;
    this.health = fields.health;
    this.weight = fields.weight;
    this.region = fields.region;
    this.zone = fields.zone;
    this.transportMatch = fields.transportMatch;
    this.workload = fields.workload;
    this.identity = fields.identity;
    this.version = fields.version;
  }
}

/**
 * Where the entries of one locality stand in the bytes: one after the other, without anything
 * between.
 */
export interface LocalityBytes {
  /** Offset of the first entry's tag. */
  readonly from: number;
  /** For each entry, the offset after it, counted from `from`. */
  readonly ends: Uint32Array;
  /** Index of the first of its rows in the table. */
  readonly firstRow: number;
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export class EndpointTable {
  readonly name: string;
  /** In the order of the resource. An endpoint that did not change is the same object as before. */
  readonly rows: readonly EndpointRow[];
  readonly #bytes: Uint8Array;
  readonly #localities: readonly LocalityBytes[];

  constructor(
    name: string,
    rows: readonly EndpointRow[],
    bytes: Uint8Array,
    localities: readonly LocalityBytes[],
  ) {
    this.name = name;
    this.rows = rows;
    this.#bytes = bytes;
    this.#localities = localities;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get localities(): readonly LocalityBytes[] {
    return this.#localities;
  }
}
