// What happens to a request, from top to bottom. The order is the documentation's
// (docs/life-of-a-request.md) and never changes; a policy is one line here and one file in
// `policy/`. Inbound and outbound take the same way with other tables.

import {
  chooseCluster,
  editHeaders,
  matchRoute,
  matchVirtualHost,
  redirectLocation,
  rewriteAuthority,
  rewritePath,
  type RouteRow,
} from "@weft/rules";
import {
  ErrorCode,
  errorStatus,
  errorText,
  type HeaderList,
  normalizePath,
  type RequestHead,
  Framing,
} from "@weft/wire";
import { OverloadLevel } from "../overload.ts";
import { deadlineMs } from "../policy/deadline.ts";
import { setIdentityHeaders } from "../policy/identity-headers.ts";
import { copyOf, isMirrored } from "../policy/mirror.ts";
import { Flag, flagOfCode } from "../telemetry/response-flags.ts";
import { Outcome } from "../upstream/outlier-counters.ts";
import { tryEndpoint } from "./attempt.ts";
import { RequestBody } from "./body.ts";
import { type Downstream, type Entry, Exchange, exchangeTimer, Phase } from "./exchange.ts";
import { finish } from "./finish.ts";
import { isGrpcRequest } from "./grpc.ts";
import { bridgeGrpcWeb } from "./grpc-web.ts";
import { Mirror } from "./mirror.ts";
import { reply, replyWith } from "./reply.ts";

/** A request head has arrived. Its answer may be on its way down before this returns. */
export function begin(entry: Entry, downstream: Downstream, request: RequestHead): Exchange {
  const x = new Exchange(entry, downstream, request, timedOut);
  x.isGrpc = isGrpcRequest(request);
  entry.thread.stats.activeCount++;
  if (request.framing !== Framing.None) x.body = new RequestBody();
  return x;
}

/**
 * Sends it on its way; separate from `begin`, so that the downstream knows the exchange by then.
 */
export function route(x: Exchange): void {
  const { request, entry, thread } = x;

  // Where it came in.
  if (!findChain(x)) {
    // The mode changed under an open connection: it ends as a new one would, without an answer.
    if (x.listener !== null) return abandon(x, Flag.PlaintextForbidden);
    return reply(x, Flag.NoConfiguration);
  }
  if (thread.overload === OverloadLevel.Refuse) return reply(x, Flag.Overload);
  setIdentityHeaders(x);
  if (x.http?.grpcWeb === true) bridgeGrpcWeb(x);
  if (!request.isPathNormal && !normalise(x)) {
    const code = ErrorCode.BadTarget;
    return replyWith(x, Flag.DownstreamProtocol, errorStatus(code), `${errorText(code)}\n`, null);
  }

  // Which route it meets.
  if (entry.fixedHost !== null) {
    x.virtualHost = entry.fixedHost.find(x.tables);
    if (x.virtualHost === null) return reply(x, Flag.NoService);
  } else {
    const table = x.http?.routes ?? x.tables.routes.get(x.http?.routesName ?? "");
    if (table === undefined) return reply(x, Flag.NoConfiguration);
    x.virtualHost = matchVirtualHost(table, request.authority);
    if (x.virtualHost === null) return reply(x, Flag.NoRoute);
  }
  const row = matchRoute(x.virtualHost, request);
  if (row === null) return reply(x, Flag.NoRoute);
  x.route = row;

  // What the route answers by itself.
  if (row.direct !== null) {
    return replyWith(x, flagOfCode(row.flag), row.direct.status, row.direct.body, null);
  }
  if (row.redirect !== null) {
    const location = redirectLocation(
      row.redirect,
      row,
      request,
      entry.peer.isTls ? "https" : "http",
    );
    return replyWith(x, Flag.None, row.redirect.status, "", location);
  }
  if (request.upgrade !== "" && !mayUpgrade(x, row)) request.upgrade = "";

  // How long it may take.
  if (!mayTakeTime(x, row)) return reply(x, Flag.UpstreamTimeout);

  // Where it goes.
  const weighted = chooseCluster(row.clusters ?? [], row.weightTotal, thread.random.next());
  if (weighted === null) return reply(x, Flag.NoCluster);
  x.weighted = weighted;
  x.cluster = thread.current.clusters.get(weighted.cluster) ?? null;
  if (x.cluster === null) {
    const text = "the route names a cluster that does not exist\n";
    return replyWith(x, Flag.NoCluster, row.clusterMissingStatus, text, null);
  }
  if (x.cluster.row.kind === "original-dst" && comesBack(x)) return reply(x, Flag.Loop);

  // What it becomes on the way.
  if (weighted.requestEdits !== null) editHeaders(request.headers, weighted.requestEdits);
  request.target = rewritePath(row, request.path, request.query);
  request.authority = rewriteAuthority(row, weighted, request);
  if (row.mirrors.length > 0) startMirrors(x, row);

  tryEndpoint(x);
}

/** Content of the request, lent for the call. False: stop until `Downstream.resumeContent`. */
export function requestContent(x: Exchange, bytes: Buffer): boolean {
  x.requestBytes += bytes.length;
  if (x.phase === Phase.Done || x.body === null) return true;
  const content = x.webText === null ? bytes : x.webText.feed(bytes);
  if (content === null) {
    refuseContent(x);
    return true;
  }
  if (content.length === 0) return true;
  if (x.mirrors !== null) for (const mirror of x.mirrors) mirror.content(content);
  return x.body.take(content, x.attempt?.connection ?? null);
}

export function requestEnd(x: Exchange, trailers: HeaderList): void {
  x.requestEnded = true;
  x.requestTrailers = trailers;
  if (x.phase === Phase.Done) return;
  if (x.webText?.isWhole === false) return refuseContent(x);
  if (x.mirrors !== null) for (const mirror of x.mirrors) mirror.end(trailers);
  x.attempt?.connection?.sendEnd(trailers);
}

/** The downstream takes more of the response. */
export function downstreamWritable(x: Exchange): void {
  x.attempt?.connection?.resumeContent();
}

/** The downstream is gone, or its request turned out to be malformed. */
export function abandon(x: Exchange, flag: Flag): void {
  if (x.phase === Phase.Done) return;
  x.flag = flag;
  finish(x);
}

/** Nothing moved in either direction for as long as the route allows. */
export function idle(x: Exchange): void {
  giveUp(x, Flag.StreamIdle);
}

/** How long nothing may move; 0: no limit. */
export function idleTimeoutMs(x: Exchange): number {
  return x.route?.idleTimeoutMs ?? x.http?.streamIdleTimeoutMs ?? 300_000;
}

function timedOut(x: Exchange, kind: number): void {
  if (kind === exchangeTimer.Retry) return tryEndpoint(x);
  x.attempt?.endpoint.record(Outcome.GatewayError);
  giveUp(x, Flag.UpstreamTimeout);
}

function giveUp(x: Exchange, flag: Flag): void {
  const { attempt } = x;
  attempt?.cancel();
  reply(x, flag);
}

/** Sets the request's time; false: it is over already. */
function mayTakeTime(x: Exchange, row: RouteRow): boolean {
  const timeoutMs = x.isGrpc ? deadlineMs(x, row.timeoutMs) : row.timeoutMs;
  if (timeoutMs === null) return true;
  if (timeoutMs > 0) x.setRequestTimer(timeoutMs);
  return timeoutMs > 0;
}

/** What came is not what the request said it would be. */
function refuseContent(x: Exchange): void {
  x.attempt?.cancel();
  reply(x, Flag.DownstreamProtocol);
}

/** The chain the connection came by, as the tables of this request have it. */
function findChain(x: Exchange): boolean {
  const { entry, tables } = x;
  x.listener = tables.listeners.get(entry.listenerName) ?? null;
  if (x.listener === null) return false;
  x.chain = entry.peer.isTls ? x.listener.tlsChain : x.listener.plainChain;
  x.http = x.chain?.http ?? null;
  return x.http !== null;
}

/** Matching and forwarding use the same, normalised path (http-cases H28). */
function normalise(x: Exchange): boolean {
  const path = normalizePath(x.request.path, "reject");
  if (path === null) return false;
  x.request.path = path;
  return true;
}

function mayUpgrade(x: Exchange, row: RouteRow): boolean {
  return (row.upgrades ?? x.http?.upgrades ?? []).includes(x.request.upgrade);
}

/** A request to our own outbound listener would be forwarded for ever. */
function comesBack(x: Exchange): boolean {
  const { host, port } = x.request;
  const isLoopback = host === "localhost" || host === "[::1]" || host.startsWith("127.");
  return isLoopback && port === x.thread.settings.outboundPort;
}

function startMirrors(x: Exchange, row: RouteRow): void {
  const mirrors: Mirror[] = [];
  for (const mirrorRow of row.mirrors) {
    if (!isMirrored(mirrorRow, x.thread.random.next())) continue;
    const cluster = x.thread.current.clusters.get(mirrorRow.cluster);
    const mirror = cluster === undefined ? null : Mirror.begin(cluster, copyOf(x));
    if (mirror !== null) mirrors.push(mirror);
  }
  x.mirrors = mirrors;
}
