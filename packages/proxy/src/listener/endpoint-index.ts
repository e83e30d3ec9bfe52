// Meshed endpoints by address and port: a program that dials an endpoint itself, because it knows
// the address from elsewhere, reaches it over mutual TLS all the same. Made anew from the tables
// when it is first asked after a change.

import { formatAddress } from "@weft/runtime";
import type { Tables } from "@weft/rules";
import type { Thread } from "../thread.ts";
import type { Endpoint } from "../upstream/endpoint.ts";

export class EndpointIndex {
  readonly #thread: Thread;
  #of: Tables | null = null;
  #byAddress: ReadonlyMap<string, Endpoint> = new Map();

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  /** `address:port`; null when no endpoint with mutual TLS is there. */
  find(authority: string): Endpoint | null {
    const { clusters, tables } = this.#thread.current;
    if (tables !== this.#of) {
      const found = new Map<string, Endpoint>();
      for (const cluster of clusters.values()) {
        for (const endpoint of cluster.endpoints) {
          if (endpoint.isMtls) found.set(formatAddress(endpoint.address, endpoint.port), endpoint);
        }
      }
      this.#byAddress = found;
      this.#of = tables;
    }
    return this.#byAddress.get(authority) ?? null;
  }
}
