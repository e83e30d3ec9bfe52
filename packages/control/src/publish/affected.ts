// Which proxies can see a change. Every proxy holds every cluster and its endpoints, so only
// changes of inbound sides are for some; a proxy whose snapshot comes out the same is sent nothing
// in any case.

import type { CompileResult } from "../compile/compile.ts";
import type { Change } from "../model/change.ts";
import type { ConnectedProxy } from "./connected-proxy.ts";

export function affectedProxies(
  proxies: Iterable<ConnectedProxy>,
  change: Change,
  result: CompileResult,
): ConnectedProxy[] {
  const isForAll =
    change.isEverything ||
    result.hasClusterChange ||
    result.hasEndpointChange ||
    result.hasRouteChange;
  const all = [...proxies];
  return isForAll ? all : all.filter((proxy) => change.inbound.has(proxy.id));
}
