// The questions a person asks a proxy (`weft proxy …`, `weft request`, the admin port), answered
// as JSON. Rows come from a worker, so that what is shown is what runs.

import { residentBytes, type Runtime } from "@weft/runtime";
import type { EndpointView } from "./admin-views.ts";
import { type ClusterShares, endpointsFor } from "./cluster-shares.ts";
import type { Subscriptions } from "./config/subscribe.ts";
import type { Explanation, ProxyIdentity, ProxyOptions, ProxyPorts } from "./handle.ts";
import type { Overload } from "./overload.ts";
import type { Supervisor } from "./supervisor.ts";
import { type ClusterReading, metricsText, type XdsCounts } from "./telemetry/prometheus.ts";
import type { Totals } from "./telemetry/totals.ts";
import type { EndpointVerdict } from "./upstream/outlier.ts";
import { Limit } from "./upstream/circuit-breaking.ts";

export interface TopicSources {
  readonly options: ProxyOptions;
  readonly totals: Totals;
  readonly xds: XdsCounts;
  readonly refusals: readonly { typeUrl: string; reason: string; atMs: number }[];
  readonly subscriptions: Subscriptions;
  readonly shares: () => ClusterShares;
  readonly supervisor: () => Supervisor;
  readonly identity: () => ProxyIdentity | null;
  readonly isReady: () => boolean;
  readonly ports: () => ProxyPorts;
  readonly overload: Overload;
  readonly replaceWorkers: () => Promise<boolean>;
}

export async function answerTopic(
  sources: TopicSources,
  topic: string,
  args: Readonly<Record<string, string>>,
): Promise<unknown> {
  switch (topic) {
    case "listeners":
      return { items: await listeners(sources) };
    case "routes":
    case "clusters":
      return { items: await ofFirstWorker(sources, topic) };
    case "endpoints":
      return { items: await endpoints(sources) };
    case "config":
      return {
        version: sources.subscriptions.version,
        listeners: await listeners(sources),
        routes: await ofFirstWorker(sources, "routes"),
        clusters: await ofFirstWorker(sources, "clusters"),
        endpoints: await endpoints(sources),
      };
    case "stats":
      return { requests: await requestRows(sources) };
    case "log":
      return { items: sources.options.logLines?.() ?? [] };
    case "explain":
      return await explanation(sources, args["requestId"] ?? "");
    case "status":
      return status(sources);
    default:
      throw new Error(`the proxy cannot answer "${topic}"`);
  }
}

/** Text of the metrics port, with every worker's latest numbers. */
export async function metricsOf(sources: TopicSources): Promise<string> {
  await sources.supervisor().report();
  const identity = sources.identity();
  const { clock } = sources.options.runtime;
  return metricsText(sources.totals, {
    certExpirySeconds: identity === null ? null : (identity.notAfterMs - clock.nowMs()) / 1000,
    workers: sources.supervisor().count,
    workersReplaced: sources.supervisor().replacedCount,
    xds: sources.xds,
    clusters: clusterReadings(sources),
    overloadLevel: sources.overload.level,
    memoryBytes: residentBytes(),
    memoryLimitBytes: sources.overload.limitBytes,
  });
}

function clusterReadings(sources: TopicSources): ClusterReading[] {
  const { tables } = sources.subscriptions;
  const readings: ClusterReading[] = [];
  for (const row of tables.clusters.values()) {
    const breaker = sources.shares().breaker(row);
    if (breaker === null) continue;
    readings.push({
      cluster: row.name,
      activeRequests: breaker.count(Limit.Requests),
      pendingRequests: breaker.count(Limit.Pending),
      connections: breaker.count(Limit.Connections),
      activeRetries: breaker.count(Limit.Retries),
      overflow: [
        ["connections", breaker.refusedCount(Limit.Connections)],
        ["pending", breaker.refusedCount(Limit.Pending)],
        ["requests", breaker.refusedCount(Limit.Requests)],
        ["retries", breaker.refusedCount(Limit.Retries)],
      ],
      endpoints: endpointsFor(row, tables)?.rows.length ?? 0,
      ejected: sources
        .shares()
        .verdicts(row.name)
        .filter((verdict) => verdict.isEjected).length,
    });
  }
  return readings;
}

async function ofFirstWorker(sources: TopicSources, topic: string): Promise<unknown> {
  const answers = await sources.supervisor().ask(topic, {});
  return answers[0] ?? [];
}

/** As configured, with the ports that are really bound: a taken one is replaced. */
async function listeners(sources: TopicSources): Promise<unknown[]> {
  const rows = (await ofFirstWorker(sources, "listeners")) as { name: string; port: number }[];
  const { inbound, outbound } = sources.ports();
  return rows.map((row) => {
    const bound = row.name === "outbound" ? outbound : inbound[row.name.replace("inbound/", "")];
    return { ...row, port: bound ?? row.port };
  });
}

/** Rows of all workers added up, with the main thread's verdicts. */
async function endpoints(sources: TopicSources): Promise<unknown[]> {
  const answers = (await sources.supervisor().ask("endpoints", {})) as EndpointView[][];
  const { namespace, workload } = sources.options.workload;
  const proxy = `${namespace}/${workload}`;
  const keyOf = ({ address, cluster }: { address: string; cluster: string }): string =>
    `${cluster}\n${address}`;
  const sums = new Map<string, { openConnections: number; activeRequests: number }>();
  for (const one of answers.flat()) {
    const sum = sums.get(keyOf(one)) ?? { openConnections: 0, activeRequests: 0 };
    sum.openConnections += one.openConnections;
    sum.activeRequests += one.activeRequests;
    sums.set(keyOf(one), sum);
  }
  const verdicts = new Map<string, EndpointVerdict>();
  for (const cluster of sources.subscriptions.tables.clusters.keys()) {
    for (const verdict of sources.shares().verdicts(cluster)) {
      verdicts.set(keyOf({ cluster, address: verdict.key }), verdict);
    }
  }
  return (answers[0] ?? []).map((view) => {
    const verdict = verdicts.get(keyOf(view));
    return {
      proxy,
      ...view,
      ...sums.get(keyOf(view)),
      ejected: verdict?.isEjected ?? false,
      reason: verdict?.reason || view.lastFailure,
    };
  });
}

async function requestRows(sources: TopicSources): Promise<unknown[]> {
  await sources.supervisor().report();
  return Array.from(sources.totals.requests.values(), ({ labels, requests, sumSeconds }) => ({
    ...labels,
    requests,
    sumSeconds,
  }));
}

async function explanation(sources: TopicSources, requestId: string): Promise<Explanation | null> {
  const answers = await sources.supervisor().ask("explain", { requestId });
  return (answers.find((answer) => answer !== null) as Explanation | undefined) ?? null;
}

function status(sources: TopicSources): unknown {
  const { options, subscriptions, xds } = sources;
  const { runtime }: { runtime: Runtime } = options;
  const identity = sources.identity();
  return {
    kind: "builtin",
    ...options.workload,
    ready: sources.isReady(),
    configVersion: subscriptions.version,
    workers: sources.supervisor().versions(),
    workersReplaced: sources.supervisor().replacedCount,
    connected: xds.isConnected,
    overload: sources.overload.levelName,
    spiffeId: identity?.spiffeId ?? "",
    certExpiresInSeconds:
      identity === null ? null : Math.round((identity.notAfterMs - runtime.clock.nowMs()) / 1000),
    ports: sources.ports(),
    refusals: sources.refusals,
  };
}
