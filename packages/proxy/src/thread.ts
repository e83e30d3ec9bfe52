// What one worker thread has, shared by all its connections and exchanges: effects, the timer
// wheel, the tables of the moment, TLS, statistics. Made once by `worker.ts` and handed down.

import type { ByteSocket, Clock, Logger, Random, TimerWheel } from "@weft/runtime";
import type { Current } from "./config/current.ts";
import type { Entry } from "./exchange/exchange.ts";
import type { AssignedAddress } from "./messages.ts";
import type { OverloadLevel } from "./overload.ts";
import type { AccessLog } from "./telemetry/access-log.ts";
import type { Decisions } from "./telemetry/decision.ts";
import type { Refusals } from "./telemetry/refusals.ts";
import type { Stats } from "./telemetry/stats.ts";
import type { ThreadIdentity } from "./tls/identity.ts";

export interface ThreadSettings {
  readonly namespace: string;
  readonly workload: string;
  readonly service: string;
  readonly version: string;
  readonly domain: string;
  /** Port of the outbound listener: a request that would come back to it is refused. */
  readonly outboundPort: number;
  /** Cluster name `inbound/<port>` → where the program listens. */
  readonly programAddresses: ReadonlyMap<string, ProgramAddress>;
  /** Programs see the address of whoever called, where it can be had. */
  readonly keepsClientAddress: boolean;
  /** See `CaptureAddresses`. */
  readonly peerDial: { readonly address: string; readonly from: string } | null;
  readonly explain: boolean;
}

export interface Drainable {
  /**
   * Finishes what is under way, then closes; at once when nothing is. With `keepsIdle` an idle
   * connection whose protocol cannot say goodbye (HTTP/1) stays until its next response.
   */
  drain(keepsIdle: boolean): void;
  /** Told to go when it is that old or, by a share of its own, nearly. */
  retireIfOlder(nowMs: number, ageMaxMs: number): void;
  /** How it came in; null while that is not known. */
  readonly entry: Entry | null;
  /** It says goodbye (HTTP/2's two GOAWAYs), which takes a round trip. */
  readonly isLeaving: boolean;
  destroy(): void;
}

export interface ProgramAddress {
  readonly address: string;
  readonly port: number;
}

export interface Thread {
  /** Counts from 0; names its row in shared counters. */
  readonly number: number;
  /** Workers of this proxy, which share its ports. */
  readonly workerCount: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly wheel: TimerWheel;
  readonly settings: ThreadSettings;
  readonly current: Current;
  readonly identity: ThreadIdentity;
  readonly stats: Stats;
  readonly decisions: Decisions;
  readonly refusals: Refusals;
  /** Null when off. */
  readonly accessLog: AccessLog | null;
  /** Responses say Connection: close, and no new connection is accepted. */
  isDraining: boolean;
  /** It drains, or is short of memory: no connection is kept beyond its next response. */
  readonly endsConnections: boolean;
  /** What shortage of memory makes it do. */
  overload: OverloadLevel;
  /** Unique in the mesh for practical purposes. */
  nextRequestId(): string;
  /** Serves a connection as if it had just been accepted; `early` was already read from it. */
  serve(socket: ByteSocket, early: Buffer, entry: Entry): void;
  /** Downstream connections, for draining. */
  readonly downstreams: Set<Drainable>;
  /** Addresses that stand for services, by their text: original destinations with capture. */
  readonly assigned: Map<string, AssignedAddress>;
}
