// Decision records: why a request went where it went. Kept for the requests that asked for one,
// by the worker that served them, the latest few hundred.

import type { Exchange } from "../exchange/exchange.ts";
import type { Explanation } from "../handle.ts";
import { flagRow } from "./response-flags.ts";

const keptMax = 256;

export class Decisions {
  readonly #kept = new Map<string, Explanation>();

  keep(x: Exchange): void {
    if (this.#kept.size >= keptMax) {
      const oldest = this.#kept.keys().next().value;
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    this.#kept.set(x.requestId, explain(x));
  }

  find(requestId: string): Explanation | null {
    return this.#kept.get(requestId) ?? null;
  }
}

function explain(x: Exchange): Explanation {
  const attempts = [...(x.pastAttempts ?? [])];
  if (x.attempt !== null) attempts.push(x.attempt);
  const { route } = x;
  return {
    requestId: x.requestId,
    route: route?.name ?? "",
    cluster: x.weighted?.cluster ?? "",
    attempts: attempts.map((attempt) => ({
      endpoint: attempt.endpoint.row.key,
      status: attempt.status,
      durationMs: Math.round(attempt.durationMs * 1000) / 1000,
    })),
    policies: (route?.policies ?? []).map((policy) => ({
      kind: policy.kind,
      namespace: policy.namespace,
      name: policy.name,
      rule: "",
      decision: "applied",
    })),
    configVersion: x.configVersion,
    flag: flagRow(x.flag).code,
  };
}
