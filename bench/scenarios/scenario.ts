// What a scenario is: how the proxies stand, what the client asks of them, what counts, and which
// ratios are wanted of ours (docs/decisions/0047).

/** How the proxies stand between client and origin; pairs have mutual TLS between them. */
export type Topology = "one-hop" | "pair" | "grpc-pair" | "tcp-pair";

export interface Target {
  readonly peer: string;
  readonly figure: "cost" | "p50Millis" | "p99Millis";
  /** Ours may be so many times the peer's. */
  readonly ratioMax: number;
}

export interface Scenario {
  readonly name: string;
  readonly topology: Topology;
  readonly connections: number;
  /** Requests a second over all connections. */
  readonly rate: number;
  /** Asked of the origin: "/" has 66 bytes, "/64k" and "/1m" what they say. */
  readonly path: string;
  /** Content of a response; the cost is of a GiB when it is set, of a request otherwise. */
  readonly contentBytes: number | null;
  /** Handshakes instead of requests. */
  readonly handshakes: "full" | "resumed" | null;
  readonly targets: readonly Target[];
}

export const smallRequest = { connections: 64, path: "/", contentBytes: null, handshakes: null };
