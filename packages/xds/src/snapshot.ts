// What a publisher hands to the xDS server: for one client, every resource it should hold, each
// encoded once and shared by all streams that carry it.

import type { Node } from "../messages/envoy/config/core/v3/base.js";
import type { Status } from "./status.ts";

export interface EncodedResource {
  readonly name: string;
  /** Changes exactly when the bytes change (a content hash; see `encodeResource`). */
  readonly version: string;
  /** An encoded `google.protobuf.Any`, type URL included. Never written to after construction. */
  readonly any: Uint8Array;
}

/** The resources of one type by name. Never mutated: a change is a new map. */
export type ResourceMap = ReadonlyMap<string, EncodedResource>;

/**
 * A consistent set. Where a type did not change, the next snapshot should carry the *same* map
 * object, and clients with equal content should share maps: comparing two maps is then done once
 * for all streams.
 */
export interface Snapshot {
  readonly version: string;
  /** By type URL. A type that is absent counts as empty. */
  readonly resources: ReadonlyMap<string, ResourceMap>;
}

/** Who is at the other end, as the transport established it. */
export interface XdsPeer {
  /** From a client certificate that chains to our roots; null without one. */
  readonly spiffeId: string | null;
  /** From `authorization: Bearer`; not checked yet. */
  readonly token: string | null;
  /** `address:port` of the connection. */
  readonly address: string;
}

export interface XdsClientInfo {
  /** Unique among the streams of this process: `<node id>#<n>`. */
  readonly id: string;
  readonly node: Node;
  readonly peer: XdsPeer;
  readonly transport: "delta" | "sotw";
}

export interface XdsRefusal {
  readonly refused: Status;
}

export interface SnapshotSubscription {
  close(): void;
}

export interface SnapshotSource {
  /**
   * Called once a stream, with its first request. `onSnapshot` may be called at once or later,
   * and again at every change, but never before the control plane has read its whole store: an
   * empty snapshot tells a proxy to delete everything.
   */
  subscribe(
    client: XdsClientInfo,
    onSnapshot: (snapshot: Snapshot) => void,
  ): SnapshotSubscription | XdsRefusal;
}

/** What streams report back. `version` is the version of the snapshot a response was made from. */
export interface XdsServerEvents {
  onAck(client: XdsClientInfo, typeUrl: string, version: string): void;
  /** `names` are the resources of the refused response: often many, of which one is bad. */
  onNack(
    client: XdsClientInfo,
    typeUrl: string,
    version: string,
    message: string,
    names: readonly string[],
  ): void;
  /**
   * Everything the client subscribes to, listeners among it, is acknowledged as of that snapshot.
   */
  onApplied(client: XdsClientInfo, snapshotVersion: string): void;
  onClose(client: XdsClientInfo): void;
}
