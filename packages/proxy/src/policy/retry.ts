// When a request may be sent a second time, and how long to wait before it is. Whether an outcome
// is one to retry on is `rules/retryable.ts`; how many retries there may be is `retry-budget.ts`.

import type { RetryRow } from "@weft/rules";
import type { Exchange } from "../exchange/exchange.ts";

/** Idempotent methods (RFC 9110 §9.2.2): an unseen first delivery does no harm. */
const idempotent: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** Whether it may be sent again although the first copy may have arrived (http-cases H32). */
export function isReplayable(x: Exchange): boolean {
  return idempotent.has(x.request.method) && hasWholeBody(x);
}

/**
 * Whether every byte that went up is still here: enough for a request that, by the endpoint's own
 * word, nobody acted on.
 */
export function hasWholeBody(x: Exchange): boolean {
  return x.body === null || x.body.canReplay;
}

/** Full jitter over an exponential, as Envoy's. `retry` counts from 1, `chance` is in [0, 1). */
export function backoffMs(row: RetryRow, retry: number, chance: number): number {
  return chance * Math.min(row.backoffMaxMs, row.backoffBaseMs * (2 ** retry - 1));
}
