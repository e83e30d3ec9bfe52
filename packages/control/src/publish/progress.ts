// On how many proxies something is in force, and which refused it.

import type { ConnectedProxy } from "./connected-proxy.ts";

export interface Progress {
  /** Proxies that run it. */
  readonly running: number;
  /** Proxies that are concerned. */
  readonly total: number;
  /** `<proxy>: <its words>` of those that refused the configuration it is in. */
  readonly refusals: readonly string[];
}

export interface ProgressQuery {
  /** The publication the object's present form belongs to. */
  readonly publication: number;
  /** Only proxies of this namespace are concerned; null: all. */
  readonly namespace: string | null;
  /** How a refusal would name the object: `<namespace>/<name>/`. */
  readonly mention: string;
}

interface Count {
  running: number;
  total: number;
  readonly refusing: { readonly id: string; readonly words: string }[];
}

/** Counts once for all objects of one publication; made anew for each round of judging. */
export class ProgressReader {
  readonly #proxies: readonly ConnectedProxy[];
  readonly #counts = new Map<string, Count>();

  constructor(proxies: Iterable<ConnectedProxy>) {
    this.#proxies = [...proxies];
  }

  read({ publication, namespace, mention }: ProgressQuery): Progress {
    const { running, total, refusing } = this.#count(publication, namespace);
    const refusals = refusing
      .filter(({ words }) => !NAMED_ROUTE.test(words) || words.includes(mention))
      .map(({ id, words }) => `${id}: ${words}`);
    return { running, total, refusals };
  }

  #count(publication: number, namespace: string | null): Count {
    const key = `${publication}/${namespace ?? ""}`;
    let count = this.#counts.get(key);
    if (count !== undefined) return count;
    count = { running: 0, total: 0, refusing: [] };
    for (const proxy of this.#proxies) {
      if (namespace !== null && proxy.node.namespace !== namespace) continue;
      count.total++;
      if (proxy.runs(publication)) count.running++;
      else if (proxy.refusal !== null) {
        count.refusing.push({ id: proxy.id, words: proxy.refusal.message });
      }
    }
    this.#counts.set(key, count);
    return count;
  }
}

/**
 * The name of a compiled route: `<namespace>/<name>/<rule>`. A proxy refuses a whole response; when
 * its words name an object, only that one is to blame.
 */
const NAMED_ROUTE = /\b[a-z0-9-]+\/[a-z0-9.-]+\/[a-z0-9.-]+/;
