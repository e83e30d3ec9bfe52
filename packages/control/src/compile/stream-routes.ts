// Where the connections to a port go whose bytes nobody reads: its service, or what TCPRoutes or
// TLSRoutes say. Each is a route for CONNECT; a TLSRoute's also says, under `dev.weft`, for which
// server names (SNI) it is. Envoy answers CONNECT before it could see one, so for Envoy a port with
// TLSRoutes is the service alone (docs/reference/data-planes.md).

import type { TlsRoute } from "@weft/api";
import {
  Route,
  RouteAction,
  RouteAction_UpgradeConfig,
  RouteMatch,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { type Model, objectKey } from "../model/model.ts";
import type { AnyRoute } from "../model/route-refs.ts";
import { chosen, type ShareContext, sharesOf, specifierOf } from "./backend-shares.ts";
import type { ClientClass } from "./client-class.ts";
import { type ClusterChoice, idleTimeoutMs } from "./clusters.ts";
import type { CompiledRoutes, NamedServicePort } from "./http-routes.ts";
import { INVALID_CLUSTER } from "./names.ts";
import { duration, type MetadataValue, weftMetadata } from "./typed-config.ts";

const IDLE_MS = 3_600_000;

/** Routes of server names stand in the order they are tried; the rest has one route. */
export function compileStreamRoutes(
  model: Model,
  { service, port }: NamedServicePort,
  held: readonly AnyRoute[],
  client: ClientClass,
): CompiledRoutes {
  const { namespace = "", name } = service.metadata;
  const named = { service: objectKey(namespace, name), portName: port.name, port: port.port };
  const context: ShareContext = { model, named, clusters: new Map() };
  const [first] = held;
  let routes: Route[];
  if (first?.kind === "TCPRoute") routes = [streamRoute(context, first, {})];
  else if (first?.kind === "TLSRoute" && client !== "envoy") routes = tlsRoutes(context, held);
  else routes = [tunnelTo(chosen(context, service, port))];
  return { routes, clusters: [...context.clusters.values()] };
}

/** Everything to one cluster. */
export function tunnelTo(choice: ClusterChoice): Route {
  const specifier = { $case: "cluster", cluster: choice.name } as const;
  return tunnel("tunnel", specifier, [choice], null);
}

/** A name's own route before a wildcard's, the longer wildcard first, then the older route. */
function tlsRoutes(context: ShareContext, held: readonly AnyRoute[]): Route[] {
  const demands: { readonly route: TlsRoute; readonly serverName: string }[] = [];
  const seen = new Set<string>();
  for (const route of held) {
    if (route.kind !== "TLSRoute") continue;
    for (const serverName of route.spec.hostnames) {
      if (seen.has(serverName)) continue;
      seen.add(serverName);
      demands.push({ route, serverName });
    }
  }
  const isWildcard = (serverName: string): number => Number(serverName.startsWith("*."));
  demands.sort(
    (a, b) =>
      isWildcard(a.serverName) - isWildcard(b.serverName) ||
      b.serverName.length - a.serverName.length,
  );
  return grouped(demands).map(({ route, serverNames }) =>
    streamRoute(context, route, { serverNames }),
  );
}

/** Neighbours of one route become one, without a change of their order. */
function grouped(
  demands: readonly { readonly route: TlsRoute; readonly serverName: string }[],
): { route: TlsRoute; serverNames: string[] }[] {
  const groups: { route: TlsRoute; serverNames: string[] }[] = [];
  for (const { route, serverName } of demands) {
    const last = groups.at(-1);
    if (last?.route === route) last.serverNames.push(serverName);
    else groups.push({ route, serverNames: [serverName] });
  }
  return groups;
}

/** Without a valid backend of any weight connections are closed. */
function streamRoute(
  context: ShareContext,
  route: Extract<AnyRoute, { kind: "TCPRoute" | "TLSRoute" }>,
  metadata: { readonly [key: string]: MetadataValue },
): Route {
  const [rule] = route.spec.rules;
  const { weights, choices } = sharesOf(context, route, rule?.backendRefs ?? []);
  const { namespace = "", name } = route.metadata;
  const ruleName = rule?.name ?? "0";
  const label = { kind: route.kind, namespace, name, rule: ruleName };
  const nowhere = { $case: "cluster", cluster: INVALID_CLUSTER } as const;
  const specifier = weights.length === 0 ? nowhere : specifierOf(weights);
  return tunnel(`${namespace}/${name}/${ruleName}`, specifier, choices, { ...metadata, ...label });
}

function tunnel(
  name: string,
  clusterSpecifier: NonNullable<RouteAction["clusterSpecifier"]>,
  choices: readonly ClusterChoice[],
  metadata: { readonly [key: string]: MetadataValue } | null,
): Route {
  const timesMs = choices.map(({ settings }) => idleTimeoutMs(settings.cluster, "tcp"));
  const idleMs = timesMs.includes(0) ? 0 : Math.max(...timesMs);
  const action = RouteAction.fromPartial({
    timeout: duration(0),
    idleTimeout: duration(timesMs.length === 0 ? IDLE_MS : idleMs),
    upgradeConfigs: [
      RouteAction_UpgradeConfig.fromPartial({ upgradeType: "CONNECT", connectConfig: {} }),
    ],
  });
  action.clusterSpecifier = clusterSpecifier;
  const route = Route.fromPartial({
    name,
    match: RouteMatch.fromPartial({
      pathSpecifier: { $case: "connectMatcher", connectMatcher: {} },
    }),
    ...(metadata === null ? {} : { metadata: weftMetadata(metadata) }),
  });
  route.action = { $case: "route", route: action };
  return route;
}
