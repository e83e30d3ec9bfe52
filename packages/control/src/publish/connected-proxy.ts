// What the publisher knows of one connected proxy: what it was sent, what it runs, what it refused.

import type { Workload } from "@weft/api";
import type { NodeDescription, Snapshot, XdsClientInfo } from "@weft/xds";
import { type ClientClass, clientClassOf } from "../compile/client-class.ts";

/** A refusal of one resource type by one proxy. */
export interface ProxyNack {
  readonly typeUrl: string;
  /** Of the snapshot that was refused. */
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

interface Sent {
  readonly version: string;
  /** The number of the publication it first belonged to. */
  readonly publication: number;
}

export class ConnectedProxy {
  readonly client: XdsClientInfo;
  readonly node: NodeDescription;
  readonly class: ClientClass;
  readonly connectedAtMs: number;
  /** Its Workload as last seen: a proxy that drains keeps its inbound side. */
  workload: Workload | null = null;
  snapshot: Snapshot | null = null;
  readonly #send: (snapshot: Snapshot) => void;
  /** Sent and not applied yet, oldest first. */
  #unapplied: Sent[] = [];
  #appliedVersion: string | null = null;
  /** The version by content of what it was last sent. */
  #content: string | null = null;
  readonly #acked = new Map<string, string>();
  readonly #nacks = new Map<string, ProxyNack>();

  constructor(
    client: XdsClientInfo,
    node: NodeDescription,
    connectedAtMs: number,
    send: (snapshot: Snapshot) => void,
  ) {
    this.client = client;
    this.node = node;
    this.class = clientClassOf(node.kind);
    this.connectedAtMs = connectedAtMs;
    this.#send = send;
  }

  get id(): string {
    return this.client.node.id;
  }

  /**
   * The server reports each version of a stream once: a proxy that is sent back to what it ran
   * before, with something else on the way, needs a version of its own.
   */
  deliver(made: Snapshot, publication: number): void {
    const isReturn = this.#unapplied.length > 0 && made.version === this.#appliedVersion;
    const version = isReturn ? `${made.version}.${publication}` : made.version;
    const snapshot = { ...made, version };
    this.snapshot = snapshot;
    this.#content = made.version;
    this.#unapplied.push({ version, publication });
    this.#send(snapshot);
  }

  /** Whether it was last sent just this. */
  holds(made: Snapshot): boolean {
    return this.#content === made.version;
  }

  acknowledged(typeUrl: string, version: string): void {
    this.#acked.set(typeUrl, version);
    this.#nacks.delete(typeUrl);
  }

  refused(nack: ProxyNack): void {
    this.#nacks.set(nack.typeUrl, nack);
  }

  applied(version: string): void {
    this.#appliedVersion = version;
    this.#nacks.clear();
    const at = this.#unapplied.findLastIndex((sent) => sent.version === version);
    this.#unapplied = this.#unapplied.slice(at + 1);
  }

  /** Whether it runs everything that was published up to this number. */
  runs(publication: number): boolean {
    if (this.snapshot === null) return false;
    const oldest = this.#unapplied[0];
    return oldest === undefined || oldest.publication > publication;
  }

  /** The refusal that stands against what it should have, or null. */
  get refusal(): ProxyNack | null {
    if (this.#unapplied.length === 0) return null;
    const newest = this.snapshot?.version;
    for (const nack of this.#nacks.values()) if (nack.version === newest) return nack;
    return null;
  }

  status(): ProxyStatus {
    const { namespace, workload, serviceAccount, version } = this.node;
    const isRefused = this.refusal !== null;
    const isSynced = this.snapshot !== null && this.#unapplied.length === 0;
    return {
      proxy: this.id,
      namespace,
      workload,
      serviceAccount,
      kind: this.class,
      version,
      connectedAtMs: this.connectedAtMs,
      configVersion: this.snapshot?.version ?? null,
      appliedVersion: this.#appliedVersion,
      sync: isSynced ? "synced" : isRefused ? "refused" : "waiting",
      acked: Object.fromEntries([...this.#acked].sort(([a], [b]) => (a < b ? -1 : 1))),
      nacks: [...this.#nacks.values()],
    };
  }
}
