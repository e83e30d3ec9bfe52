// The questions of `weft proxy` and the admin port, answered from what Envoy's own admin interface
// says and from the resources it acknowledged.

import type { ProxyWorkload } from "@weft/proxy";
import type { HeldResources } from "@weft/xds";
import type { EnvoyAdmin } from "./admin.ts";

export interface TopicSources {
  readonly admin: EnvoyAdmin;
  readonly held: HeldResources;
  readonly workload: ProxyWorkload;
  readonly logLines: () => readonly string[];
  readonly configVersion: string;
  readonly status: () => unknown;
}

/** Of the admin port. */
export const topics: readonly string[] = ["config", "stats", "status"];

export async function answerTopic(
  sources: TopicSources,
  topic: string,
  _args: Readonly<Record<string, string>>,
): Promise<unknown> {
  switch (topic) {
    case "config":
      return {
        version: sources.configVersion,
        ...(await sources.admin.json<object>("/config_dump")),
      };
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
