// Keep-alive connections to one endpoint, and the requests that wait for one. The most recently
// used connection serves next, so that the others age out. A request never waits for a particular
// connection: the first that is free, new or used, takes the one that has waited longest.

import type { UpstreamUser } from "../exchange/exchange.ts";
import { Flag } from "../telemetry/response-flags.ts";
import type { Endpoint } from "./endpoint.ts";
import { H1Connection } from "./h1.ts";

export class Pool {
  readonly endpoint: Endpoint;
  readonly #idle: H1Connection[] = [];
  readonly #waiting: UpstreamUser[] = [];
  readonly #open = new Set<H1Connection>();
  #connectingCount = 0;
  #isClosed = false;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  get openCount(): number {
    return this.#open.size;
  }

  get isUnused(): boolean {
    return this.#open.size === 0 && this.#waiting.length === 0;
  }

  /**
   * Calls back at once or later, once. `isRaceSafe`: the request may be sent again if the peer
   * closes the reused connection just then; the others get a young or a new one. `wantsNew`: it was
   * sent again for that reason, and whoever closes one idle connection may be closing all.
   */
  acquire(user: UpstreamUser, isRaceSafe: boolean, wantsNew: boolean): void {
    if (this.endpoint.isForbidden) return user.onNoConnection(Flag.PlaintextForbidden);
    const connection = wantsNew ? null : this.#takeIdle(isRaceSafe);
    const { breaker } = this.endpoint.cluster;
    if (connection !== null) {
      if (breaker.admitRequest()) return connection.use(user);
      this.#idle.push(connection);
      return user.onNoConnection(Flag.Overflow);
    }
    if (!breaker.admitPending()) return user.onNoConnection(Flag.Overflow);
    this.#waiting.push(user);
    if (this.#connectingCount < this.#waiting.length) this.#connect();
  }

  /** The user waits no more. */
  cancel(user: UpstreamUser): void {
    const at = this.#waiting.indexOf(user);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.endpoint.cluster.breaker.releasePending();
  }

  /** A connection is up. */
  connected(connection: H1Connection): void {
    this.#connectingCount--;
    this.#serve(connection);
  }

  /** A response is complete and its connection fit for another request. */
  released(connection: H1Connection): void {
    if (this.#isClosed) return connection.close();
    this.#serve(connection);
  }

  /**
   * A connection attempt failed: whoever waited longest learns it, unless others are on their
   * way.
   */
  failed(connection: H1Connection, flag: Flag): void {
    this.#connectingCount--;
    this.#open.delete(connection);
    if (this.#waiting.length <= this.#connectingCount) return;
    const user = this.#waiting.shift();
    if (user === undefined) return;
    this.endpoint.cluster.breaker.releasePending();
    user.onNoConnection(flag);
    if (this.#connectingCount < this.#waiting.length) this.#connect();
  }

  /** A connection that had been up is gone. */
  closed(connection: H1Connection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#connectingCount < this.#waiting.length) this.#connect();
  }

  /** Closes what has been idle too long or belongs to an older identity. */
  sweep(nowMs: number): void {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const connection = this.#idle[i] as H1Connection;
      if (connection.isUsable(nowMs, this.#usableMs())) continue;
      this.#idle.splice(i, 1);
      connection.close();
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#idle.splice(0)) connection.close();
  }

  #usableMs(): number {
    const { idleTimeoutMs } = this.endpoint.cluster.row;
    const learned = this.endpoint.idleClose.usableMs;
    return idleTimeoutMs === null ? learned : Math.min(learned, idleTimeoutMs);
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
    for (;;) {
      const user = this.#waiting.shift();
      if (user === undefined) break;
      breaker.releasePending();
      if (breaker.admitRequest()) return connection.use(user);
      user.onNoConnection(Flag.Overflow);
    }
    if (this.#isClosed) connection.close();
    else this.#idle.push(connection);
  }

  #connect(): void {
    const { breaker } = this.endpoint.cluster;
    const isAdmitted = breaker.admitConnection();
    // One connection is always allowed: other workers may hold all the rest.
    if (!isAdmitted && this.#open.size > 0) return;
    this.#connectingCount++;
    const connection = new H1Connection(this, isAdmitted);
    this.#open.add(connection);
    const flag = connection.open();
    if (flag !== Flag.None) this.failed(connection, flag);
  }
}

/** Then it may have been idle for so long: hardly a server closes earlier. */
const unsafeIdleMaxMs = 1500;
