// What a proxy runs, as tables for people. `-o json` shows every field; here are the ones that
// answer most questions.

import type { ClusterRow, ListenerRow, RouteRow, RouteTable, VirtualHostRow } from "@weft/rules";
import { formatTable } from "./table.ts";

export type Topic = "endpoints" | "routes" | "listeners" | "clusters";
/** A row as the proxy answered it, with the proxy's name. */
export type Item = Readonly<Record<string, unknown>> & { readonly proxy: string };

interface Layout {
  readonly head: readonly string[];
  readonly rows: (item: Item) => readonly (readonly string[])[];
}

export function proxyTable(topic: Topic, items: readonly Item[]): string {
  const { head, rows } = layouts[topic];
  return formatTable(head, items.flatMap(rows));
}

const layouts: Readonly<Record<Topic, Layout>> = {
  endpoints: {
    head: [
      ...["PROXY", "CLUSTER", "ADDRESS", "HEALTH", "WEIGHT", "WORKLOAD", "VERSION", "MTLS"],
      ...["OPEN", "ACTIVE", "EJECTED", "REASON"],
    ],
    rows: (item) => [
      [
        ...["proxy", "cluster", "address", "health", "weight", "workload", "version", "mtls"],
        ...["openConnections", "activeRequests", "ejected", "reason"],
      ].map((field) => cell(item[field])),
    ],
  },
  routes: {
    head: ["PROXY", "VIRTUAL HOST", "MATCH", "TO", "FROM"],
    rows: (item) => {
      const table = item as unknown as RouteTable & { proxy: string };
      return table.virtualHosts.flatMap((host: VirtualHostRow) =>
        host.routes.map((row) => [
          item.proxy,
          host.name,
          matchText(row),
          toText(row),
          fromText(row),
        ]),
      );
    },
  },
  listeners: {
    head: ["PROXY", "LISTENER", "ADDRESS", "PROTOCOL", "MTLS", "ROUTES"],
    rows: (item) => [listenerCells(item.proxy, item as unknown as ListenerRow)],
  },
  clusters: {
    head: ["PROXY", "CLUSTER", "PROTOCOL", "BALANCING", "LIMITS", "OUTLIERS", "CONNECT"],
    rows: (item) => [clusterCells(item.proxy, item as unknown as ClusterRow)],
  },
};

function matchText({ match }: RouteRow): string {
  const { headers, method, path, query, value } = match;
  const words = [
    method ?? "",
    path === "connect" ? "CONNECT" : path === "exact" ? `=${value}` : `${value}${suffix[path]}`,
    ...headers.map(({ name, invert }) => `${invert ? "no " : ""}header ${name}`),
    ...query.map(({ name }) => `query ${name}`),
  ];
  return words.filter((word) => word !== "").join(" ");
}

const suffix = { prefix: "*", "segment-prefix": "/*", regex: " (regex)" } as const;

function toText({ clusters, direct, redirect, weightTotal }: RouteRow): string {
  if (direct !== null) return `answer ${direct.status}`;
  if (redirect !== null) return `redirect ${redirect.status}`;
  const [first, ...others] = clusters ?? [];
  if (first !== undefined && others.length === 0) return first.cluster;
  return (clusters ?? [])
    .map(({ cluster, weight }) => `${cluster} ${percent(weight, weightTotal)}`)
    .join(", ");
}

function percent(weight: number, total: number): string {
  return total === 0 ? "0%" : `${Math.round((weight / total) * 1000) / 10}%`;
}

function fromText({ kind, namespace, object, rule }: RouteRow): string {
  if (kind === "") return "";
  return `${kind} ${namespace}/${object}${rule === "" ? "" : ` ${rule}`}`;
}

function listenerCells(proxy: string, row: ListenerRow): string[] {
  const http = (row.plainChain ?? row.tlsChain)?.http ?? null;
  const address = row.address.includes(":") ? `[${row.address}]` : row.address;
  return [
    proxy,
    row.name,
    `${address}:${row.port}`,
    row.protocol ?? "http",
    row.mode ?? "",
    http?.routesName ?? (row.direction === "inbound" ? "the program" : ""),
  ];
}

function clusterCells(proxy: string, row: ClusterRow): string[] {
  const { connectionsMax, pendingMax, requestsMax, retriesMax } = row.limits;
  const { outlier } = row;
  return [
    proxy,
    row.name,
    row.protocol ?? "",
    row.algorithm,
    [connectionsMax, pendingMax, requestsMax, retriesMax].map(limitText).join("/"),
    outlier === null ? "off" : `${outlier.consecutiveGatewayErrors} errors`,
    `${row.connectTimeoutMs / 1000}s`,
  ];
}

/** A limit that no proxy reaches is none. */
function limitText(limit: number): string {
  return limit >= 2 ** 32 - 1 ? "none" : String(limit);
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value as string | number);
}
