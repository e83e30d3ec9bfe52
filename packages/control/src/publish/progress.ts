// On how many proxies something is in force, and which refused it.

import type { ConnectedProxy } from "./connected-proxy.ts";

export interface Progress {
  /** Proxies that run it. */
  readonly running: number;
  /** Proxies that are connected. */
  readonly total: number;
  /** `<proxy>: <its words>` of those that refused the configuration it is in. */
  readonly refusals: readonly string[];
}

/**
 * `mention` is how a refusal would name the object (`<namespace>/<name>/`). A proxy refuses a whole
 * response; when its words name an object, only that one is to blame.
 */
export function progressOf(
  proxies: readonly ConnectedProxy[],
  publication: number,
  mention: string,
): Progress {
  let running = 0;
  const refusals: string[] = [];
  for (const proxy of proxies) {
    if (proxy.runs(publication)) running++;
    const refusal = proxy.runs(publication) ? null : proxy.refusal;
    if (refusal === null) continue;
    const namesRoute = NAMED_ROUTE.test(refusal.message);
    if (!namesRoute || refusal.message.includes(mention)) {
      refusals.push(`${proxy.id}: ${refusal.message}`);
    }
  }
  return { running, total: proxies.length, refusals };
}

/** The name of a compiled route: `<namespace>/<name>/<rule>`. */
const NAMED_ROUTE = /\b[a-z0-9-]+\/[a-z0-9.-]+\/[a-z0-9.-]+/;
