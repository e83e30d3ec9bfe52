// Retries as Envoy route settings (design section 6). Envoy cannot tie a status to methods; that
// part travels beside it for the built-in proxy, and `envoy-routes.ts` says it to Envoy with two
// routes.

import { RetryPolicy } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { RequestSettings } from "./settings.ts";
import { duration, typed } from "./typed-config.ts";

/** Methods that only read: a 503 to them is retried without being asked for. */
export const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS", "TRACE"];

export interface CompiledRetry {
  readonly policy: RetryPolicy | undefined;
  /** Status 503 is retried for the safe methods alone. */
  readonly isUnavailableForSafeMethods: boolean;
}

/** What is retried where nothing is written; the status for the safe methods alone. */
export const DEFAULT_RETRY_ON: readonly (string | number)[] = [
  "connect-failure",
  "refused-stream",
  503,
];

const PREVIOUS_HOSTS = "envoy.retry_host_predicates.previous_hosts";
const PICKS_MAX = 5n;

/** `perTryTimeoutMs` is the rule's own; null: the policy's. */
export function compileRetry(
  settings: RequestSettings,
  perTryTimeoutMs: number | null,
): CompiledRetry {
  const attempts = settings.attempts.value;
  const perTryMs = perTryTimeoutMs ?? settings.perTryTimeoutMs.value ?? 0;
  const perTryTimeout = perTryMs > 0 ? { perTryTimeout: duration(perTryMs) } : {};
  if (attempts === 0) {
    const policy =
      perTryMs > 0 ? RetryPolicy.fromPartial({ numRetries: 0, ...perTryTimeout }) : undefined;
    return { policy, isUnavailableForSafeMethods: false };
  }
  const conditions = settings.retryOn.value ?? DEFAULT_RETRY_ON;
  const names = conditions.filter((one) => !isStatus(one)).map(String);
  const statuses = conditions.filter(isStatus).map(Number);
  const retryOn = statuses.length > 0 ? [...names, "retriable-status-codes"] : names;
  const policy = RetryPolicy.fromPartial({
    retryOn: retryOn.join(","),
    numRetries: attempts,
    ...perTryTimeout,
    retriableStatusCodes: statuses,
    retryHostPredicate: [
      {
        name: PREVIOUS_HOSTS,
        configType: {
          $case: "typedConfig",
          typedConfig: typed(
            "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            null,
          ),
        },
      },
    ],
    hostSelectionRetryMaxAttempts: PICKS_MAX,
  });
  return { policy, isUnavailableForSafeMethods: settings.retryOn.value === null };
}

function isStatus(condition: string | number): boolean {
  return /^[1-5][0-9][0-9]$/.test(String(condition));
}
