// Connections to one endpoint, and the requests that wait for one. What an endpoint speaks is known
// when the first connection stands. HTTP/1.1: a connection serves one request at a time, the most
// recently used one next, so that the others age out. HTTP/2: one connection serves all requests
// until it is crowded, then another is opened beside it. A request never waits for a particular
// connection: the first with room takes the one that has waited longest.

import type { ByteSocket } from "@weft/runtime";
import type { RequestHead } from "@weft/wire";
import { OverloadLevel } from "../overload.ts";
import type { UpstreamUser } from "../exchange/exchange.ts";
import { Flag } from "../telemetry/response-flags.ts";
import { Dialling } from "./dialling.ts";
import type { Endpoint } from "./endpoint.ts";
import { H1Connection } from "./h1.ts";
import { H2Connection } from "./h2.ts";

/** Then it may have been idle for so long: servers that close after a second are not unheard of. */
const unsafeIdleMaxMs = 900;
/** Requests that wait for one HTTP/2 connection before a second one is opened for them. */
const waitingPerConnection = 100;
/** Beyond so many workers of a peer nobody opens a connection for each. */
const peerWorkersMax = 16;

/** Requests that wait, and the connections on their way to them. */
class Lane {
  /** Its requests can be served by HTTP/1.1 only. */
  readonly isHttp1Only: boolean;
  readonly waiting: UpstreamUser[] = [];
  diallingCount = 0;

  constructor(isHttp1Only: boolean) {
    this.isHttp1Only = isHttp1Only;
  }
}

export class Pool {
  readonly endpoint: Endpoint;
  /** The endpoint speaks HTTP/2 and is not asked by ALPN. */
  readonly isPriorKnowledge: boolean;
  readonly #idle: H1Connection[] = [];
  /** HTTP/2 connections that take requests, the oldest first. */
  readonly #shared: H2Connection[] = [];
  readonly #any = new Lane(false);
  /**
   * WebSockets: on HTTP/2 connections whose peer takes them (RFC 8441), as its SETTINGS say, else
   * on connections of HTTP/1.1.
   */
  readonly #upgrades = new Lane(true);
  readonly #open = new Set<Dialling | H1Connection | H2Connection>();
  /** Connections the endpoint wants, one for each of its workers. */
  #peerWorkerCount = 1;
  /** What the endpoint speaks, as far as is known. */
  #isHttp2: boolean;
  #isClosed = false;

  constructor(endpoint: Endpoint, isPriorKnowledge: boolean) {
    this.endpoint = endpoint;
    this.isPriorKnowledge = isPriorKnowledge;
    const isAsked = endpoint.isMtls && !isPriorKnowledge;
    const isKnown = isPriorKnowledge || endpoint.cluster.row.isHttp2;
    this.#isHttp2 = isAsked ? endpoint.alpn.includes("h2") : isKnown;
  }

  get openCount(): number {
    return this.#open.size;
  }

  get isUnused(): boolean {
    return this.#open.size === 0 && this.#waitingCount === 0;
  }

  get #waitingCount(): number {
    return this.#any.waiting.length + this.#upgrades.waiting.length;
  }

  /**
   * Calls back at once or later, once. `isRaceSafe`: the request may be sent again if the peer
   * closes the reused connection just then; the others get a young or a new one. `wantsNew`: it was
   * sent again for that reason, and whoever closes one idle connection may be closing all.
   */
  acquire(user: UpstreamUser, request: RequestHead, isRaceSafe: boolean, wantsNew: boolean): void {
    if (this.endpoint.isForbidden) return user.onNoConnection(Flag.PlaintextForbidden);
    const { breaker } = this.endpoint.cluster;
    const isUpgrade = request.upgrade !== "";
    const shared = this.#takeShared(isUpgrade, wantsNew);
    if (shared !== null) {
      if (!breaker.admitRequest()) return user.onNoConnection(Flag.Overflow);
      return shared.use(user);
    }
    const connection = wantsNew ? null : this.#takeIdle(isRaceSafe);
    if (connection !== null) {
      if (breaker.admitRequest()) return connection.use(user);
      this.#idle.push(connection);
      return user.onNoConnection(Flag.Overflow);
    }
    if (!breaker.admitPending()) return user.onNoConnection(Flag.Overflow);
    const lane = isUpgrade ? this.#upgrades : this.#any;
    lane.waiting.push(user);
    this.#connectForAll();
  }

  /** The user waits no more. */
  cancel(user: UpstreamUser): void {
    for (const { waiting } of [this.#any, this.#upgrades]) {
      const at = waiting.indexOf(user);
      if (at < 0) continue;
      waiting.splice(at, 1);
      this.endpoint.cluster.breaker.releasePending();
    }
  }

  // From connections on their way.

  connected(dialling: Dialling, socket: ByteSocket): void {
    const lane = this.#laneOf(dialling);
    lane.diallingCount--;
    this.#open.delete(dialling);
    const { isHttp2 } = dialling;
    if (!dialling.isHttp1Only) this.#isHttp2 = isHttp2;
    if (isHttp2) {
      const connection = new H2Connection(this, socket, dialling);
      this.#open.add(connection);
      this.#shared.push(connection);
      this.roomMade(connection);
      if (this.#isClosed) connection.retire();
    } else {
      const connection = new H1Connection(this, socket, dialling);
      this.#open.add(connection);
      this.#serve(connection);
    }
    // Where it speaks HTTP/1.1 after all, the others need connections of their own.
    this.#connectForAll();
  }

  /**
   * A connection attempt failed: whoever waited longest learns it, unless others are on their
   * way.
   */
  failed(dialling: Dialling, flag: Flag): void {
    const lane = this.#laneOf(dialling);
    lane.diallingCount--;
    if (this.#open.delete(dialling) && dialling.isCounted) {
      this.endpoint.cluster.breaker.releaseConnection();
    }
    const servedCount = lane.diallingCount * this.#requestsPerConnection(lane);
    const unservedCount = Math.min(
      Math.max(0, lane.waiting.length - servedCount),
      this.#requestsPerConnection(lane),
    );
    this.#fail(lane, unservedCount, flag);
    if (lane === this.#any) this.#failUpgrades(flag);
    this.#connectForAll();
  }

  // From connections that are up.

  /** A response is complete and its connection fit for another request. */
  released(connection: H1Connection): void {
    if (this.#isClosed) return connection.close();
    this.#serve(connection);
  }

  /** The peer said what it takes. */
  settingsChanged(connection: H2Connection): void {
    const { peerWorkerCount } = connection;
    this.#peerWorkerCount = Math.max(1, Math.min(peerWorkerCount, peerWorkersMax));
    this.roomMade(connection);
    this.#connectForAll();
  }

  /** A shared connection takes more requests than before. */
  roomMade(connection: H2Connection): void {
    if (connection.allowsExtendedConnect) this.#give(connection, this.#upgrades);
    this.#give(connection, this.#any);
  }

  #give(connection: H2Connection, { waiting }: Lane): void {
    const { breaker } = this.endpoint.cluster;
    while (waiting.length > 0 && connection.hasRoom) {
      const user = waiting.shift() as UpstreamUser;
      breaker.releasePending();
      if (breaker.admitRequest()) connection.use(user);
      else user.onNoConnection(Flag.Overflow);
    }
  }

  /** A shared connection takes no more requests; it lives until its last one is over. */
  retired(connection: H2Connection): void {
    const at = this.#shared.indexOf(connection);
    if (at >= 0) this.#shared.splice(at, 1);
  }

  /** A connection that had been up is gone. */
  closed(connection: H1Connection | H2Connection): void {
    this.#open.delete(connection);
    if (connection instanceof H2Connection) {
      this.retired(connection);
      if (!connection.isReady) {
        this.endpoint.lastFailure = "no SETTINGS came";
        this.#failUpgrades(Flag.UpstreamConnectFailure);
      }
    } else {
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    }
    this.#connectForAll();
  }

  /** Closes what has been idle too long or belongs to an older identity. */
  sweep(nowMs: number): void {
    // What only waits is the first to go when memory is short.
    const isShort = this.endpoint.thread.overload !== OverloadLevel.None;
    const usableMs = isShort ? 0 : this.#usableMs();
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const connection = this.#idle[i] as H1Connection;
      if (connection.isUsable(nowMs, usableMs)) continue;
      this.#idle.splice(i, 1);
      connection.close();
    }
    for (const connection of this.#open) {
      if (!(connection instanceof H2Connection)) continue;
      connection.isUsable(nowMs, usableMs);
      connection.tick(nowMs);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
    for (const connection of [...this.#shared]) connection.retire();
  }

  #usableMs(): number {
    const { idleTimeoutMs } = this.endpoint.cluster.row;
    const learned = this.endpoint.idleClose.usableMs;
    return idleTimeoutMs === null ? learned : Math.min(learned, idleTimeoutMs);
  }

  /**
   * The fullest shared connection that is not crowded; a crowded one while another is opened. To a
   * peer of several workers there are as many connections, and the emptiest one serves.
   * `isUsed`: one that serves others at this moment.
   */
  #takeShared(isUpgrade: boolean, isUsed: boolean): H2Connection | null {
    const shared = this.#shared;
    if (shared.length === 0) return null;
    const nowMs = this.endpoint.thread.clock.monotonicMs();
    const usableMs = this.#usableMs();
    let best: H2Connection | null = null;
    let crowded: H2Connection | null = null;
    for (let i = shared.length - 1; i >= 0; i--) {
      const connection = shared[i] as H2Connection;
      if (isUpgrade && !connection.allowsExtendedConnect) continue;
      if (isUsed && connection.openStreamCount === 0) continue;
      if (!connection.isUsable(nowMs, usableMs) || !connection.hasRoom) continue;
      if (!connection.isComfortable) {
        if (crowded === null || connection.openStreamCount < crowded.openStreamCount) {
          crowded = connection;
        }
      } else if (best === null || this.#isBetter(connection, best)) {
        best = connection;
      }
    }
    if (best !== null) {
      const isSpread = best.openStreamCount === 0 || shared.length >= this.#peerWorkerCount;
      if (!isSpread && this.#any.diallingCount === 0) this.#connect(this.#any);
      return best;
    }
    if (crowded === null) return null;
    if (this.#any.diallingCount === 0) this.#connect(this.#any);
    return crowded;
  }

  #isBetter(connection: H2Connection, than: H2Connection): boolean {
    return this.#peerWorkerCount > 1
      ? connection.openStreamCount < than.openStreamCount
      : connection.openStreamCount >= than.openStreamCount;
  }

  #takeIdle(isRaceSafe: boolean): H1Connection | null {
    if (this.#idle.length === 0) return null;
    const nowMs = this.endpoint.thread.clock.monotonicMs();
    const usableMs = this.#usableMs();
    // A request that cannot be sent twice takes no connection that may be closing for all we know.
    const isSafe = isRaceSafe || this.endpoint.idleClose.isKnown;
    const limitMs = isSafe ? usableMs : Math.min(usableMs, unsafeIdleMaxMs);
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return null;
      if (connection.isUsable(nowMs, limitMs)) return connection;
      if (connection.isUsable(nowMs, usableMs)) {
        // Fit for others, and every one below it is older still.
        this.#idle.push(connection);
        return null;
      }
      connection.close();
    }
  }

  /** Gives a free connection to the one that waits longest, or keeps it. */
  #serve(connection: H1Connection): void {
    const { breaker } = this.endpoint.cluster;
    while (this.#waitingCount > 0) {
      const user = (this.#upgrades.waiting.shift() ?? this.#any.waiting.shift()) as UpstreamUser;
      breaker.releasePending();
      if (breaker.admitRequest()) return connection.use(user);
      user.onNoConnection(Flag.Overflow);
    }
    if (this.#isClosed) connection.close();
    else this.#idle.push(connection);
  }

  #fail({ waiting }: Lane, count: number, flag: Flag): void {
    for (const user of waiting.splice(0, count)) {
      this.endpoint.cluster.breaker.releasePending();
      user.onNoConnection(flag);
    }
  }

  /** Those that waited for an HTTP/2 connection, unless others are on their way. */
  #failUpgrades(flag: Flag): void {
    const { length } = this.#upgrades.waiting;
    if (length === 0 || this.#takesHttp1Upgrades || this.#comingCount > 0) return;
    this.#fail(this.#upgrades, length, flag);
  }

  /** Opens what those who wait need beside what is on its way. */
  #connectForAll(): void {
    const isApart = this.#takesHttp1Upgrades;
    const upgradeCount = this.#upgrades.waiting.length;
    const sharedCount = this.#any.waiting.length + (isApart ? 0 : upgradeCount);
    if (sharedCount > 0) this.#connectFor(this.#any, sharedCount);
    if (isApart) this.#connectFor(this.#upgrades, upgradeCount);
  }

  #connectFor(lane: Lane, waitingCount: number): void {
    const each = this.#requestsPerConnection(lane);
    while ((lane === this.#any ? this.#comingCount : lane.diallingCount) * each < waitingCount) {
      if (!this.#connect(lane)) return;
    }
  }

  /** Connections dialled, and those whose peer has not yet said what it takes. */
  get #comingCount(): number {
    let count = this.#any.diallingCount;
    for (const connection of this.#shared) if (!connection.isReady) count++;
    return count;
  }

  /** HTTP/2 is not spoken, or a connection that is open offered no WebSockets. */
  get #takesHttp1Upgrades(): boolean {
    if (!this.#isHttp2) return true;
    for (const one of this.#shared) if (one.isReady && !one.allowsExtendedConnect) return true;
    return false;
  }

  #requestsPerConnection(lane: Lane): number {
    return this.#isHttp2 && !lane.isHttp1Only ? waitingPerConnection : 1;
  }

  /** False when no more connections are allowed. */
  #connect(lane: Lane): boolean {
    const { breaker } = this.endpoint.cluster;
    const isCounted = breaker.admitConnection();
    // One connection is always allowed: other workers may hold all the rest.
    if (!isCounted && this.#open.size > 0) return false;
    lane.diallingCount++;
    const dialling = new Dialling(this, isCounted, lane.isHttp1Only);
    this.#open.add(dialling);
    const flag = dialling.open();
    if (flag !== Flag.None) this.failed(dialling, flag);
    return flag === Flag.None;
  }

  #laneOf(dialling: Dialling): Lane {
    return dialling.isHttp1Only ? this.#upgrades : this.#any;
  }
}
