// The questions of `weft proxy` and the admin port, answered from the resources Envoy acknowledged
// and from what its own admin interface says.

import type { ProxyWorkload, ResourceRows } from "@weft/proxy";
import type { HeldResources } from "@weft/xds";
import type { EnvoyAdmin } from "./admin.ts";
import { type ClusterStatuses, endpointViews } from "./endpoints.ts";
import { rowsOf } from "./rows.ts";

export interface TopicSources {
  readonly admin: EnvoyAdmin;
  readonly held: HeldResources;
  readonly workload: ProxyWorkload;
  readonly logLines: () => readonly string[];
  readonly configVersion: string;
  readonly status: () => unknown;
}

/** Of the admin port. */
export const topics: readonly string[] = [
  "config",
  "listeners",
  "routes",
  "clusters",
  "endpoints",
  "stats",
  "status",
];

export async function answerTopic(sources: TopicSources, topic: string): Promise<unknown> {
  switch (topic) {
    case "listeners":
    case "routes":
    case "clusters":
      return { items: rowsOf(sources.held)[topic] };
    case "endpoints":
      return { items: await endpoints(sources, rowsOf(sources.held)) };
    case "config": {
      const rows = rowsOf(sources.held);
      const { clusters, listeners, routes, unshown } = rows;
      const shown = { listeners, routes, clusters, endpoints: await endpoints(sources, rows) };
      return { version: sources.configVersion, ...shown, unshown };
    }
    case "stats":
      return await sources.admin.json("/stats?format=json&usedonly");
    case "log":
      return { items: sources.logLines() };
    case "status":
      return sources.status();
    default:
      throw new Error(`Envoy cannot answer "${topic}"`);
  }
}

async function endpoints(sources: TopicSources, rows: ResourceRows): Promise<object[]> {
  const { namespace, workload } = sources.workload;
  const statuses = await sources.admin.json<ClusterStatuses>("/clusters?format=json");
  return endpointViews(`${namespace}/${workload}`, rows.endpoints, statuses);
}
