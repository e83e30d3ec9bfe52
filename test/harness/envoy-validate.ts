// What a running Envoy was sent, as a configuration file of its own, judged by `envoy --mode
// validate`: whatever Envoy was lenient about because it came by xDS is an error there.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import type { Envoy } from "./envoy.ts";
import { type Finished, run } from "./processes.ts";

type Json = Record<string, unknown>;

/** Puts what the dump holds into a static file and lets Envoy read it strictly. */
export async function validateDump(
  context: TestContext,
  binary: string,
  envoy: Envoy,
): Promise<Finished> {
  const dir = await mkdtemp(path.join(tmpdir(), "weft-envoy-validate-"));
  context.after(() => rm(dir, { recursive: true, force: true }));
  const dump = JSON.parse(await envoy.admin("/config_dump")) as { configs: Json[] };
  const file = path.join(dir, "static.json");
  await writeFile(file, JSON.stringify(staticConfiguration(envoy.bootstrap, dump.configs)));
  return await run(binary, ["--mode", "validate", "-c", file, "-l", "error"]);
}

function staticConfiguration(bootstrap: Json, configs: readonly Json[]): Json {
  const routes = new Map(
    list(section(configs, "RoutesConfigDump"), "dynamic_route_configs").map((one) => {
      const table = one["route_config"] as Json;
      return [table["name"], withoutType(table)];
    }),
  );
  const listeners = list(section(configs, "ListenersConfigDump"), "dynamic_listeners").map((one) =>
    withoutType((one["active_state"] as Json)["listener"] as Json),
  );
  const clusters = list(section(configs, "ClustersConfigDump"), "dynamic_active_clusters").map(
    (one) => withoutType(one["cluster"] as Json),
  );
  if (listeners.length === 0 || clusters.length === 0) throw new Error("the dump is empty");
  const written = bootstrap["static_resources"] as Json;
  const { ads_config } = bootstrap["dynamic_resources"] as Json;
  return {
    node: bootstrap["node"],
    dynamic_resources: { ads_config },
    static_resources: {
      listeners: listeners.map((one) => inlined(one, routes)),
      clusters: [...(written["clusters"] as Json[]), ...clusters],
    },
  };
}

/** Route tables stand in the listener: by name they would not be read at all. */
function inlined(value: unknown, routes: ReadonlyMap<unknown, Json>): unknown {
  if (Array.isArray(value)) return value.map((one) => inlined(one, routes));
  if (typeof value !== "object" || value === null) return value;
  const { rds, ...rest } = value as Json;
  const entries = Object.entries(rest).map(([key, one]) => [key, inlined(one, routes)]);
  const made = Object.fromEntries(entries) as Json;
  const name = (rds as Json | undefined)?.["route_config_name"];
  return name === undefined ? made : { ...made, route_config: routes.get(name) };
}

function section(configs: readonly Json[], type: string): Json {
  return configs.find((one) => String(one["@type"]).endsWith(`.${type}`)) ?? {};
}

function list(value: Json, field: string): Json[] {
  return (value[field] as Json[] | undefined) ?? [];
}

function withoutType(value: Json): Json {
  const { "@type": _type, ...rest } = value;
  return rest;
}
