// One try of an exchange on one endpoint, and what follows from its outcome: another try, a local
// answer, or the response on its way down. A request is tried again only before a byte of a
// response went downstream.

import { type ByteSocket, type WheelOwner, WheelTimer } from "@weft/runtime";
import {
  AttemptFailure,
  editHeaders,
  isRetryableFailure,
  isRetryableResponse,
  type RetryRow,
} from "@weft/rules";
import { GrpcStatus, type HeaderList, httpStatusOfGrpc, type ResponseHead } from "@weft/wire";
import { shortenDeadline } from "../policy/deadline.ts";
import { backoffMs, hasWholeBody, isReplayable } from "../policy/retry.ts";
import { admitRetry } from "../policy/retry-budget.ts";
import { joinSockets } from "../tcp/relay.ts";
import { Flag } from "../telemetry/response-flags.ts";
import type { Cluster } from "../upstream/cluster.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import type { Pool } from "../upstream/pool.ts";
import { Outcome, outcomeOf } from "../upstream/outlier-counters.ts";
import { type Exchange, Phase, type UpstreamConnection, type UpstreamUser } from "./exchange.ts";
import { finish } from "./finish.ts";
import { takeGrpcStatus } from "./grpc.ts";
import { reply } from "./reply.ts";

/**
 * A refused response is read to its end, so that its connection can serve on, up to so many
 * bytes.
 */
const discardBytesMax = 64 * 1024;

/** The endpoint does not take this request; nothing is wrong with it. */
const requestFlags: ReadonlySet<Flag> = new Set([Flag.NoWebSocket, Flag.HeadTooLarge]);

/** Starts the next try. */
export function tryEndpoint(x: Exchange): void {
  const cluster = x.cluster as Cluster;
  x.phase = Phase.Trying;
  const tried = x.pastAttempts?.map((attempt) => attempt.endpoint) ?? null;
  const { destination, peer } = x.entry;
  const keepsClient = x.thread.settings.keepsClientAddress && x.listener?.direction === "inbound";
  const client = keepsClient ? peer.remoteAddress : "";
  const endpoint = cluster.pick(destination ?? x.request.authority, tried, client);
  if (endpoint === null) return reply(x, Flag.NoHealthyUpstream);
  const attempt = new Attempt(x, endpoint);
  attempt.holdsRetry = x.owesRetry;
  x.owesRetry = false;
  x.attempt = attempt;
  attempt.start();
}

export class Attempt implements UpstreamUser, WheelOwner {
  readonly exchange: Exchange;
  readonly endpoint: Endpoint;
  readonly startedAtMs: number;
  connection: UpstreamConnection | null = null;
  /** Status of its response, 0 when none came. */
  status = 0;
  durationMs = 0;
  /** Counted in the cluster's retries; owed back at its end. */
  holdsRetry = false;
  #isOver = false;
  #isDiscarding = false;
  /** Of a gRPC response: its status comes in the trailers. */
  #awaitsStatus = false;
  #discardedBytes = 0;
  #timer: WheelTimer | null = null;
  readonly #pool: Pool;

  constructor(x: Exchange, endpoint: Endpoint) {
    this.exchange = x;
    this.endpoint = endpoint;
    this.#pool = endpoint.poolFor(speaksHttp2(x));
    this.startedAtMs = x.pastAttempts === null ? x.startedAtMs : x.thread.clock.monotonicMs();
  }

  start(): void {
    const x = this.exchange;
    this.endpoint.activeCount++;
    const perTryMs = x.route?.retry?.perTryTimeoutMs ?? null;
    if (perTryMs !== null) {
      this.#timer = new WheelTimer(this, 0);
      x.thread.wheel.set(this.#timer, perTryMs);
    }
    this.#pool.acquire(this, x.request, isReplayable(x), x.hasReplayed);
  }

  /** Ends it without an outcome: the exchange is over or turns elsewhere. */
  cancel(): void {
    if (this.#isOver) return;
    this.#end();
    if (this.connection !== null) this.connection.abort();
    else this.#pool.cancel(this);
  }

  // From the pool and the connection.

  onConnection(connection: UpstreamConnection): void {
    const x = this.exchange;
    this.connection = connection;
    if (x.deadlineAtMs > 0) shortenDeadline(x);
    try {
      connection.send(x.request);
    } catch (error) {
      // The writer refuses what could end a line or a field (http-cases H33): an edit or rewrite
      // made it.
      x.thread.log.error("a request cannot be written", { reason: String(error) });
      this.cancel();
      return reply(x, Flag.Internal);
    }
    const mayGoOn = x.body === null || x.body.replay(connection);
    if (x.requestEnded) connection.sendEnd(x.requestTrailers);
    else if (mayGoOn) x.downstream.resumeContent();
  }

  onNoConnection(flag: Flag): void {
    this.#end();
    if (flag === Flag.UpstreamConnectFailure || flag === Flag.UpstreamIdentity) {
      this.endpoint.cluster.countConnectFailure();
      this.endpoint.record(Outcome.GatewayError);
    }
    const isRetryable = flag !== Flag.Overflow && flag !== Flag.NoConfiguration;
    failed(this.exchange, this, flag, isRetryable ? AttemptFailure.Connect : null);
  }

  onResponse(head: ResponseHead): void {
    const x = this.exchange;
    if (head.status < 200 && head.status !== 101) return x.downstream.respond(x, head);
    this.status = head.status;
    this.#cancelTimer();
    this.#recordHead(head);
    if (this.#mayRetryResponse(head)) {
      this.#isDiscarding = true;
      this.#end();
      return tryAgain(x, this);
    }
    x.phase = Phase.Responding;
    x.status = head.status;
    x.body?.forget();
    const edits = x.weighted?.responseEdits ?? null;
    if (edits !== null) editHeaders(head.headers, edits);
    if (x.wantsExplanation) head.headers.push("x-request-id", x.requestId);
    x.downstream.respond(x, head);
  }

  onContent(bytes: Buffer): void {
    const x = this.exchange;
    if (this.#isDiscarding) {
      this.#discardedBytes += bytes.length;
      if (this.#discardedBytes > discardBytesMax) this.connection?.abort();
      return;
    }
    x.responseBytes += bytes.length;
    if (!x.downstream.respondContent(bytes)) this.connection?.pauseContent();
  }

  onComplete(trailers: HeaderList): void {
    if (this.#isOver) return;
    const x = this.exchange;
    this.connection = null;
    this.#end();
    if (this.#awaitsStatus) this.#recordTrailers(trailers);
    x.downstream.respondEnd(trailers);
    finish(x);
  }

  onBroken(flag: Flag): void {
    if (this.#isOver) return;
    const x = this.exchange;
    const connection = this.connection as UpstreamConnection;
    const isRace = flag === Flag.UpstreamReset && connection.isReused && !connection.hasBegun;
    const isRefused = flag === Flag.UpstreamRefused;
    this.connection = null;
    this.#end();
    if (x.phase === Phase.Responding) {
      x.flag = flag;
      x.downstream.abort();
      return finish(x);
    }
    const maySendAgain = isRefused ? hasWholeBody(x) : isRace && isReplayable(x);
    if (maySendAgain && !x.hasReplayed && takesBudget(x)) {
      x.hasReplayed = true;
      return tryAgain(x, this);
    }
    if (!isRace && !requestFlags.has(flag)) this.endpoint.record(Outcome.GatewayError);
    failed(x, this, flag, failureOf(flag));
  }

  onWritable(): void {
    if (!this.#isOver) this.exchange.downstream.resumeContent();
  }

  onSwitched(socket: ByteSocket, early: Buffer): void {
    const x = this.exchange;
    this.connection = null;
    this.#end();
    const down = x.downstream.detach();
    const { stats } = x.thread;
    const direction = x.listener?.direction ?? "outbound";
    stats.connections[direction]++;
    stats.tunnelCount++;
    joinSockets(x.thread, down, { socket, early }, () => {
      stats.connections[direction]--;
      stats.tunnelCount--;
    });
    finish(x);
  }

  /** The time of this try is over. */
  onTimeout(): void {
    this.cancel();
    this.endpoint.record(Outcome.GatewayError);
    failed(this.exchange, this, Flag.UpstreamTimeout, AttemptFailure.TryTimeout);
  }

  /** Outlier detection reads a gRPC status as the HTTP status it is called by, as Envoy does. */
  #recordHead(head: ResponseHead): void {
    const x = this.exchange;
    x.grpcStatus = -1;
    const isTold = x.isGrpc && takeGrpcStatus(x, head.headers);
    this.#awaitsStatus = x.isGrpc && !isTold && head.status === 200;
    if (this.#awaitsStatus) return;
    const status = isTold ? httpStatusOfGrpc(x.grpcStatus as GrpcStatus) : head.status;
    this.endpoint.record(outcomeOf(status));
  }

  #recordTrailers(trailers: HeaderList): void {
    const x = this.exchange;
    if (!takeGrpcStatus(x, trailers)) x.grpcStatus = GrpcStatus.Unknown;
    this.endpoint.record(outcomeOf(httpStatusOfGrpc(x.grpcStatus as GrpcStatus)));
  }

  #mayRetryResponse(head: ResponseHead): boolean {
    const x = this.exchange;
    const retry = x.route?.retry ?? null;
    return (
      retry !== null &&
      isRetryableResponse(retry, x.request.method, head.status, head.headers) &&
      mayTryAgain(x, retry)
    );
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { thread } = this.exchange;
    this.durationMs = thread.clock.monotonicMs() - this.startedAtMs;
    this.endpoint.activeCount--;
    this.#cancelTimer();
    if (this.holdsRetry) this.endpoint.cluster.breaker.releaseRetry();
  }

  #cancelTimer(): void {
    if (this.#timer !== null) this.exchange.thread.wheel.cancel(this.#timer);
  }
}

/** To an endpoint of which nothing else is known. gRPC is never spoken over HTTP/1.1. */
function speaksHttp2(x: Exchange): boolean {
  return x.entry.isHttp2 || (x.isGrpc && x.cluster?.row.protocol === "auto");
}

/** What retry conditions call a connection's or a stream's end; null: never to be tried again. */
function failureOf(flag: Flag): AttemptFailure | null {
  switch (flag) {
    case Flag.UpstreamRefused:
      return AttemptFailure.Refused;
    case Flag.UpstreamReset:
    case Flag.UpstreamStreamReset:
      return AttemptFailure.Reset;
    default:
      return null;
  }
}

/** A try ended without a response. */
function failed(x: Exchange, attempt: Attempt, flag: Flag, failure: AttemptFailure | null): void {
  const retry = x.route?.retry ?? null;
  if (
    failure !== null &&
    retry !== null &&
    isRetryableFailure(retry, x.request.method, failure) &&
    mayTryAgain(x, retry)
  ) {
    return tryAgain(x, attempt);
  }
  const isConnect = failure === AttemptFailure.Connect;
  reply(x, flag, isConnect ? attempt.endpoint.lastFailure : "");
}

/** Whether number, bytes and budget allow one more retry; a yes is counted. */
function mayTryAgain(x: Exchange, retry: RetryRow): boolean {
  if (x.retryCount >= retry.attempts) return false;
  if (x.body !== null && !x.body.canReplay) return false;
  if (!takesBudget(x)) return false;
  x.retryCount++;
  return true;
}

/** Whether the cluster's retry budget, over all workers, has room for one more attempt. */
function takesBudget(x: Exchange): boolean {
  const cluster = x.cluster as Cluster;
  if (!admitRetry(cluster.row.retryBudget, cluster.breaker, x.thread.clock.nowMs())) return false;
  x.owesRetry = true;
  cluster.countRetry();
  return true;
}

/** Puts a failed try aside and starts another one, at once or after the route's backoff. */
function tryAgain(x: Exchange, attempt: Attempt): void {
  x.pastAttempts ??= [];
  x.pastAttempts.push(attempt);
  x.attempt = null;
  const retry = x.route?.retry ?? null;
  if (retry === null || x.retryCount === 0) return tryEndpoint(x);
  const waitMs = backoffMs(retry, x.retryCount, x.thread.random.next());
  if (waitMs < 1) tryEndpoint(x);
  else x.setRetryTimer(waitMs);
}
