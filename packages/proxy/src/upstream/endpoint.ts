// One endpoint of a cluster as a worker uses it: how it is dialled, its pool, what was learned
// about it. It lives as long as its row's address, identity and transport stay the same, so pools
// survive updates.

import {
  type ByteSocket,
  connectPlain,
  connectTls,
  type SocketOwner,
  type TlsContext,
} from "@weft/runtime";
import type { Candidate, ClusterRow, EndpointRow, TransportRow } from "@weft/rules";
import { ageShare } from "../connection-age.ts";
import type { StatsCell } from "../telemetry/stats.ts";
import { Refusal } from "../telemetry/refusals.ts";
import { Flag } from "../telemetry/response-flags.ts";
import type { Thread } from "../thread.ts";
import type { Cluster } from "./cluster.ts";
import { tlsRefusal } from "./connect-flag.ts";
import { IdleClose } from "./idle-close.ts";
import type { Outcome, SlotCounters } from "./outlier-counters.ts";
import { Pool } from "./pool.ts";

/** The proxy beside a meshed endpoint closes idle connections then (`downstream/h1.ts`). */
const proxyIdleMs = 60_000;

const http1Alpn: readonly string[] = ["http/1.1"];
const noAlpn: readonly string[] = [];

export class Endpoint implements Candidate {
  readonly cluster: Cluster;
  readonly thread: Thread;
  /** The newest row: weight and health may change while the endpoint stays. */
  row: EndpointRow;
  readonly transport: TransportRow;
  readonly address: string;
  readonly port: number;
  readonly idleClose: IdleClose;
  /** Attempts under way on this worker. */
  activeCount = 0;
  slot: SlotCounters | null = null;
  isRemoved = false;
  /** Why the last connection to it failed, e.g. ECONNREFUSED; "" since one succeeded. */
  lastFailure = "";
  /** The last label set counted here, most often the next one too. */
  lastCell: StatsCell | null = null;
  readonly #pool: Pool;
  /** Of requests in HTTP/2 where nobody declared what the endpoint speaks. */
  #http2Pool: Pool | null = null;
  #session: Buffer | null = null;
  #sessionContext: TlsContext | null = null;
  /** The peer's leaf ends then, and what it proved with it. */
  #sessionUntilMs = 0;

  /** Whom the program sees as its caller; null: us. */
  readonly #from: string | null;

  constructor(
    cluster: Cluster,
    row: EndpointRow,
    transport: TransportRow,
    from: string | null = null,
  ) {
    this.#from = from;
    this.cluster = cluster;
    this.thread = cluster.thread;
    this.row = row;
    this.transport = transport;
    const program = cluster.thread.settings.programAddresses.get(cluster.name);
    this.address = program?.address ?? row.address;
    this.port = program?.port ?? row.port;
    this.idleClose = new IdleClose(this.isMtls ? proxyIdleMs : Number.POSITIVE_INFINITY);
    this.#pool = new Pool(this, false);
  }

  /** The workload's own, on this host. */
  get isProgram(): boolean {
    return this.thread.settings.programAddresses.has(this.cluster.name);
  }

  get isMtls(): boolean {
    return this.transport.tls !== null;
  }

  /** With `isHttp2` it is known to speak HTTP/2, whatever its cluster says. */
  poolFor(isHttp2: boolean): Pool {
    if (!isHttp2 || this.cluster.row.isHttp2) return this.#pool;
    this.#http2Pool ??= new Pool(this, true);
    return this.#http2Pool;
  }

  get openCount(): number {
    return this.#pool.openCount + (this.#http2Pool?.openCount ?? 0);
  }

  get isUnused(): boolean {
    return this.activeCount === 0 && this.#pool.isUnused && this.#http2Pool?.isUnused !== false;
  }

  sweep(nowMs: number): void {
    this.#pool.sweep(nowMs);
    this.#http2Pool?.sweep(nowMs);
  }

  /** Its service demands mutual TLS, and it has no proxy that could end it. */
  get isForbidden(): boolean {
    // The transport that matches everything is for endpoints that do not offer mutual TLS.
    const { match, tls } = this.transport;
    return this.cluster.row.requireMtls && (tls === null || match.length === 0);
  }

  /** Opens a connection for HTTP; without HTTP/2 where only HTTP/1.1 serves. */
  dialHttp(owner: SocketOwner, isHttp1Only: boolean): ByteSocket | Flag {
    return this.#dial(owner, isHttp1Only ? http1Alpn : this.alpn);
  }

  /** What it is asked to choose from. */
  get alpn(): readonly string[] {
    return this.transport.tls?.alpn ?? noAlpn;
  }

  /** Opens a connection for bytes of any kind: the endpoint is told nothing about them. */
  dial(owner: SocketOwner): ByteSocket | Flag {
    return this.#dial(owner, noAlpn);
  }

  /** Or the flag that says why that must not or cannot be. */
  #dial(owner: SocketOwner, alpnProtocols: readonly string[]): ByteSocket | Flag {
    const { tls } = this.transport;
    if (this.isForbidden) return Flag.PlaintextForbidden;
    if (tls === null) {
      return connectPlain({ address: this.address, port: this.port, from: this.#from }, owner);
    }
    const { context } = this.thread.identity;
    if (context === null) return Flag.NoConfiguration;
    const wanted = this.#peerIdentities(tls.identities);
    return connectTls(
      {
        address: this.address,
        port: this.port,
        localAddress: this.#dialledFrom(),
        context,
        serverName: tls.sni,
        alpnProtocols,
        peerIdentities: wanted,
        onWrongPeer: (identity) => this.#refuseIdentity(identity, wanted),
        session: this.#sessionFor(context),
        onSession: (session, validUntilMs) => {
          this.#session = session;
          this.#sessionContext = context;
          this.#sessionUntilMs = validUntilMs;
        },
      },
      owner,
    );
  }

  /** With capture, this very workload as a peer is told from the program beside us. */
  #dialledFrom(): string | null {
    const { peerDial, programAddresses } = this.thread.settings;
    if (peerDial === null || peerDial.address !== this.address) return null;
    for (const { port } of programAddresses.values()) if (port === this.port) return peerDial.from;
    return null;
  }

  #sessionFor(context: TlsContext): Buffer | null {
    const isValid = this.thread.clock.nowMs() < this.#sessionUntilMs;
    return isValid && this.#sessionContext === context ? this.#session : null;
  }

  /** The endpoint's own identity where it is known and the cluster allows it. */
  #peerIdentities(allowed: readonly string[]): readonly string[] {
    const { identity } = this.row;
    return identity !== "" && allowed.includes(identity) ? [identity] : allowed;
  }

  #refuseIdentity(identity: string, wanted: readonly string[]): void {
    this.thread.refusals.note(Refusal.EndpointIdentity, {
      cluster: this.cluster.name,
      endpoint: `${this.address}:${this.port}`,
      identity,
      wanted: wanted.join(" "),
    });
  }

  /** When a connection opened now is too old; a little spread, so that not all end at once. */
  connectionEndsAtMs(nowMs: number): number {
    const { connectionAgeMaxMs } = this.cluster.row;
    if (connectionAgeMaxMs === null) return Number.POSITIVE_INFINITY;
    return nowMs + connectionAgeMaxMs * ageShare(this.thread.random.next());
  }

  /** A connection ended so, whether it stood or not. */
  noteClosed(errorCode: string): void {
    if (!this.isMtls || errorCode === "") return;
    const refusal = tlsRefusal(errorCode);
    if (refusal === null) return;
    const endpoint = `${this.address}:${this.port}`;
    const fields = { cluster: this.cluster.name, endpoint, reason: errorCode };
    this.thread.refusals.note(refusal, fields);
  }

  /** Tells outlier detection how an attempt went. */
  record(outcome: Outcome): void {
    const { outlier } = this.cluster.row;
    if (outlier === null || this.slot === null) return;
    if (this.slot.record(outlier, outcome)) this.cluster.limitReached(this.row.key);
  }

  /** No new attempts: idle connections close, the others when their response ends. */
  remove(): void {
    this.isRemoved = true;
    this.#pool.close();
    this.#http2Pool?.close();
  }
}

/** The first transport whose match the endpoint satisfies. */
export function chooseTransport(cluster: ClusterRow, row: EndpointRow): TransportRow {
  for (const transport of cluster.transports) {
    if (satisfies(row.transportMatch, transport.match)) return transport;
  }
  return cluster.transports.at(-1) as TransportRow;
}

function satisfies(has: readonly string[], wanted: readonly string[]): boolean {
  for (let i = 0; i < wanted.length; i += 2) {
    let found = false;
    for (let j = 0; j < has.length; j += 2) {
      if (has[j] === wanted[i] && has[j + 1] === wanted[i + 1]) found = true;
    }
    if (!found) return false;
  }
  return true;
}
