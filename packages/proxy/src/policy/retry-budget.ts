// The retry budget: retries may be a share of the requests under way, at least so many at once, and
// at least so many a second. It is counted over all workers of the proxy, in the cluster's shared
// counters. As in Envoy, a cluster with a budget does not look at `maxRetries`.

import type { CircuitLimitsRow, RetryBudgetRow } from "@weft/rules";

/** The shared counters of a cluster; the circuit breaker is one. */
export interface RetryAccount {
  readonly limits: CircuitLimitsRow;
  /** Requests on connections and waiting for one. */
  requestsUnderWay(): number;
  /** Counts one more retry where fewer than `max` are under way. */
  admitRetry(max: number): boolean;
  releaseRetry(): void;
  countRetryRefusal(): void;
  /** A shared 32-bit word that the rate is kept in. */
  retryClock(): number;
  /** Sets it, unless another worker has changed it since it was read. */
  advanceRetryClock(from: number, to: number): boolean;
}

/** Whether one more retry may start now; when true, `releaseRetry` is owed at its end. */
export function admitRetry(
  row: RetryBudgetRow | null,
  account: RetryAccount,
  wallMs: number,
): boolean {
  if (account.admitRetry(concurrencyMax(row, account))) return true;
  if (row !== null && takeToken(row.perSecondMin, account, wallMs)) {
    return account.admitRetry(Number.POSITIVE_INFINITY);
  }
  account.countRetryRefusal();
  return false;
}

function concurrencyMax(row: RetryBudgetRow | null, account: RetryAccount): number {
  if (row === null) return account.limits.retriesMax;
  const share = Math.floor((account.requestsUnderWay() * row.percent) / 100);
  return Math.max(share, row.concurrencyMin);
}

// The rate is a virtual schedule (GCRA): the clock word holds when the bucket would be full again,
// in microseconds of wall time modulo 2^32. Wall time, because workers share it and their monotonic
// clocks start at different moments; a schedule more than a full bucket ahead can only come from a
// clock that jumped, and is dropped.
const ticksPerMs = 1000;
const ticksPerSecond = 1000 * ticksPerMs;

function takeToken(perSecond: number, account: RetryAccount, wallMs: number): boolean {
  if (perSecond <= 0) return false;
  const step = Math.max(1, Math.floor(ticksPerSecond / perSecond));
  const now = Math.trunc(wallMs * ticksPerMs) | 0;
  for (;;) {
    const clock = account.retryClock();
    let ahead = (clock - now) | 0;
    if (ahead < 0 || ahead > ticksPerSecond + step) ahead = 0;
    if (ahead + step > Math.max(ticksPerSecond, step)) return false;
    if (account.advanceRetryClock(clock, (now + ahead + step) | 0)) return true;
  }
}
