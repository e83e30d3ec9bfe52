// A connection forwarded without looking into it: to an endpoint of a cluster, over mutual TLS
// where the endpoint is meshed. Until the connection stands, other endpoints are tried; nothing
// of the downstream is lost meanwhile, because it is not read.

import { type ByteSocket, type SocketOwner, WheelTimer } from "@weft/runtime";
import { chooseCluster, type Direction, type WeightedClusterRow } from "@weft/rules";
import { type ProxyAddresses, writeProxyHeader, writeProxyLine } from "@weft/wire";
import { Refusal } from "../telemetry/refusals.ts";
import { Flag, flagRow } from "../telemetry/response-flags.ts";
import type { Thread } from "../thread.ts";
import type { Cluster } from "../upstream/cluster.ts";
import { connectFlag } from "../upstream/connect-flag.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import { Outcome } from "../upstream/outlier-counters.ts";
import { joinSockets, relayIdleMs } from "./relay.ts";

const triesMax = 3;
const nothing = Buffer.alloc(0);

export interface ForwardOptions {
  readonly thread: Thread;
  readonly direction: Direction;
  readonly clusters: readonly WeightedClusterRow[];
  readonly weightTotal: number;
  /** The only one that will do; default null: the cluster picks. */
  readonly endpoint?: Endpoint | null;
  /** What a cluster that dials the original destination dials. */
  readonly authority: string;
  readonly socket: ByteSocket;
  /** Already read from the socket; may be lent. */
  readonly early: Buffer;
  /** The peer's end was read already. */
  readonly hasEnded?: boolean;
  /** Without a byte in either direction; 0 for ever, absent or null: an hour. */
  readonly idleTimeoutMs?: number | null;
  /** Who the connection is really from, where somebody in front of it said so. */
  readonly announced?: ProxyAddresses | null;
  /** Before the first byte of the upstream. */
  readonly onConnected: (() => void) | null;
  /** Before the socket is closed; it can still be written. */
  readonly onFailed: ((flag: Flag) => void) | null;
}

export function forward(options: ForwardOptions): void {
  new Forward(options).begin();
}

class Forward implements SocketOwner {
  readonly #options: ForwardOptions;
  readonly #early: Buffer;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);
  readonly #tried: Endpoint[] = [];
  #cluster: Cluster | null = null;
  #endpoint: Endpoint | null = null;
  #upstream: ByteSocket | null = null;
  #isConnected = false;
  #isCounted = false;
  #isOver = false;
  /** The system's or TLS's name of why the last dial failed. */
  #error = "";

  constructor(options: ForwardOptions) {
    this.#options = options;
    this.#early = options.early.length > 0 ? Buffer.from(options.early) : options.early;
  }

  begin(): void {
    const { thread, clusters, weightTotal, socket, direction } = this.#options;
    thread.stats.connections[direction]++;
    thread.stats.tunnelCount++;
    socket.pause();
    socket.owner = new Waiting(this);
    const weighted = chooseCluster(clusters, weightTotal, thread.random.next());
    this.#cluster = thread.current.clusters.get(weighted?.cluster ?? "") ?? null;
    if (this.#cluster === null) return this.#fail(Flag.NoCluster);
    if (!this.#cluster.breaker.admitConnection()) return this.#fail(Flag.Overflow);
    this.#isCounted = true;
    this.#try(Flag.NoHealthyUpstream);
  }

  /** The downstream went away before the upstream stood. */
  abandon(): void {
    this.#isOver = true;
    this.#upstream?.destroy();
    this.#done();
  }

  onConnected(): void {
    const { thread, socket, hasEnded = false, idleTimeoutMs, onConnected } = this.#options;
    const upstream = this.#upstream as ByteSocket;
    thread.wheel.cancel(this.#timer);
    this.#isConnected = true;
    this.#endpoint?.record(Outcome.Success);
    onConnected?.();
    this.#announce(upstream);
    const down = { socket, early: this.#early, hasEnded };
    const up = { socket: upstream, early: nothing };
    joinSockets(thread, down, up, () => this.#done(), idleTimeoutMs ?? relayIdleMs);
  }

  /** A program that wants it is told first who the connection is from. */
  #announce(upstream: ByteSocket): void {
    const version = this.#endpoint?.transport.proxyProtocol ?? null;
    if (version === null) return;
    const { announced, socket } = this.#options;
    const addresses = announced ?? {
      sourceAddress: socket.remoteAddress,
      sourcePort: socket.remotePort,
      destinationAddress: upstream.remoteAddress,
      destinationPort: upstream.remotePort,
    };
    upstream.write(version === "V1" ? writeProxyLine(addresses) : writeProxyHeader(addresses));
  }

  onBytes(): void {}
  onEnd(): void {}
  onDrain(): void {}

  onClosed(errorCode: string): void {
    if (this.#isConnected || this.#isOver) return;
    this.#error = errorCode;
    this.#endpoint?.noteClosed(errorCode);
    const { thread } = this.#options;
    thread.wheel.cancel(this.#timer);
    this.#cluster?.countConnectFailure();
    this.#endpoint?.record(Outcome.GatewayError);
    if (this.#endpoint !== null) this.#endpoint.activeCount--;
    this.#endpoint = null;
    this.#try(connectFlag(errorCode));
  }

  onTimeout(): void {
    this.#upstream?.destroy();
  }

  /** `flag` is what went wrong before. */
  #try(flag: Flag): void {
    const { thread, authority, endpoint: only = null } = this.#options;
    const cluster = this.#cluster as Cluster;
    const tried = this.#tried.length > 0 ? this.#tried : null;
    const mayTry = this.#tried.length < triesMax;
    const picked = mayTry ? cluster.pick(authority, tried, this.#client()) : null;
    // Another endpoint where there is one; else the same again.
    const endpoint = only ?? picked;
    if (endpoint === null || this.#tried.length >= triesMax) return this.#fail(flag);
    if (this.#tried.includes(endpoint) && !mayPass(this.#error)) return this.#fail(flag);
    this.#tried.push(endpoint);
    const dialled = endpoint.dial(this);
    if (typeof dialled === "number") return this.#try(dialled);
    this.#endpoint = endpoint;
    endpoint.activeCount++;
    this.#upstream = dialled;
    thread.wheel.set(this.#timer, cluster.row.connectTimeoutMs);
  }

  /** Whom the program is to see as its caller; "": us. */
  #client(): string {
    const { announced, direction, socket, thread } = this.#options;
    if (direction !== "inbound" || !thread.settings.keepsClientAddress) return "";
    return announced?.sourceAddress ?? socket.remoteAddress;
  }

  #fail(flag: Flag): void {
    const { direction, onFailed, socket, thread } = this.#options;
    // A tunnel's answer says it; of a byte stream only the log can.
    if (onFailed !== null) onFailed(flag);
    else {
      thread.refusals.note(Refusal.NoUpstream, {
        direction,
        cluster: this.#cluster?.name,
        flag: flagRow(flag).code,
        error: this.#error === "" ? undefined : this.#error,
        reason: flagRow(flag).text,
      });
    }
    socket.destroySoon();
    this.#isOver = true;
    this.#done();
  }

  #done(): void {
    const { thread, direction } = this.#options;
    thread.stats.connections[direction]--;
    thread.stats.tunnelCount--;
    thread.wheel.cancel(this.#timer);
    if (this.#isCounted) this.#cluster?.breaker.releaseConnection();
    if (this.#endpoint !== null) this.#endpoint.activeCount--;
    this.#endpoint = null;
  }
}

/** Whether the same endpoint may answer otherwise a moment later: its proxy was busy, or starts. */
function mayPass(error: string): boolean {
  if (error === "" || error === "ECONNREFUSED") return false;
  return connectFlag(error) === Flag.UpstreamConnectFailure;
}

/** Owns the downstream while the upstream is being dialled: it is not read, but it may go away. */
class Waiting implements SocketOwner {
  readonly #forward: Forward;

  constructor(forward: Forward) {
    this.#forward = forward;
  }

  onConnected(): void {}
  onBytes(): void {}
  onEnd(): void {}
  onDrain(): void {}

  onClosed(): void {
    this.#forward.abandon();
  }
}
