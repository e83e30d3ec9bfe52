// The backendRefs of a rule, of any kind of route, as clusters with weights.

import type { HttpBackendRef, Service } from "@weft/api";
import {
  type RouteAction,
  WeightedCluster_ClusterWeight,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { Model } from "../model/model.ts";
import type { RouteShape } from "../model/route-refs.ts";
import type { ServicePort } from "../model/service-ports.ts";
import { chooseCluster, type ClusterChoice, type NamedPort } from "./clusters.ts";
import { headerEdits } from "./http-filters.ts";
import { INVALID_CLUSTER } from "./names.ts";
import { resolveRef } from "./route-backends.ts";

/** What the routes of one virtual host share while they are compiled. */
export interface ShareContext {
  readonly model: Model;
  readonly named: NamedPort;
  /** Every existing cluster the routes send to, by name. */
  readonly clusters: Map<string, ClusterChoice>;
}

export interface Shares {
  readonly weights: readonly WeightedCluster_ClusterWeight[];
  readonly choices: readonly ClusterChoice[];
}

/**
 * The clusters with a share; refs that lead nowhere put theirs together on the cluster that never
 * exists.
 */
export function sharesOf(
  context: ShareContext,
  route: RouteShape,
  refs: readonly HttpBackendRef[],
): Shares {
  const weights: WeightedCluster_ClusterWeight[] = [];
  const choices: ClusterChoice[] = [];
  let invalidWeight = 0;
  for (const ref of refs) {
    const weight = ref.weight ?? 1;
    if (weight === 0) continue;
    const resolved = resolveRef(context.model, route, ref, context.named.service);
    if (resolved.problem !== null) {
      invalidWeight += weight;
      continue;
    }
    const choice = chosen(context, resolved.service, resolved.port);
    choices.push(choice);
    weights.push(
      WeightedCluster_ClusterWeight.fromPartial({
        ...headerEdits(ref.filters),
        name: choice.name,
        weight,
      }),
    );
  }
  if (invalidWeight > 0) {
    weights.push(
      WeightedCluster_ClusterWeight.fromPartial({ name: INVALID_CLUSTER, weight: invalidWeight }),
    );
  }
  return { weights, choices };
}

/** One cluster by its name where nothing more is to be said of it. */
export function specifierOf(
  weights: readonly WeightedCluster_ClusterWeight[],
): NonNullable<RouteAction["clusterSpecifier"]> {
  const only = weights.length === 1 ? weights[0] : undefined;
  if (only !== undefined && isPlain(only)) return { $case: "cluster", cluster: only.name };
  const weightedClusters = {
    clusters: [...weights],
    totalWeight: undefined,
    runtimeKeyPrefix: "",
    randomValueSpecifier: undefined,
  };
  return { $case: "weightedClusters", weightedClusters };
}

export function chosen(context: ShareContext, service: Service, port: ServicePort): ClusterChoice {
  const choice = chooseCluster(context.model, service, port, context.named);
  context.clusters.set(choice.name, choice);
  return choice;
}

function isPlain(share: WeightedCluster_ClusterWeight): boolean {
  return (
    share.requestHeadersToAdd.length === 0 &&
    share.requestHeadersToRemove.length === 0 &&
    share.responseHeadersToAdd.length === 0 &&
    share.responseHeadersToRemove.length === 0
  );
}
