// `RetryPolicy`, narrowed by the methods that `dev.weft` names.

import type { RetryPolicy } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { durationMs, limitMs } from "./duration.ts";
import { retryConditions } from "./retryable.ts";
import type { Scope } from "./scope.ts";
import { RetryRow } from "./tables.ts";

export interface RetryMethods {
  readonly methods: readonly string[] | null;
  readonly unavailableMethods: readonly string[] | null;
}

const retryFields: ReadonlySet<string> = new Set([
  "retryOn",
  "numRetries",
  "perTryTimeout",
  "retryHostPredicate",
  "hostSelectionRetryMaxAttempts",
  "retriableStatusCodes",
  "retryBackOff",
]);

const previousHosts = "envoy.retry_host_predicates.previous_hosts";

// Envoy's when the policy does not say.
const attemptsDefault = 1;
const backoffBaseMsDefault = 25;

export function compileRetry(message: RetryPolicy, methods: RetryMethods, scope: Scope): RetryRow {
  scope.refuseOthers(message, retryFields);
  const on = message.retryOn
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  let bits = 0;
  for (const name of on) {
    const bit = retryConditions.get(name);
    if (bit === undefined) {
      scope.at("retry_on").refuse(`${name} is not supported by the built-in proxy`);
    }
    bits |= bit ?? 0;
  }
  for (const [i, predicate] of message.retryHostPredicate.entries()) {
    if (predicate.name === previousHosts) continue;
    const at = scope.item("retry_host_predicate", i);
    at.refuse(`${predicate.name} is not supported by the built-in proxy`);
  }
  const { retryBackOff } = message;
  const at = scope.at("retry_back_off");
  const baseMs = durationMs(
    retryBackOff?.baseInterval,
    backoffBaseMsDefault,
    at.at("base_interval"),
  );
  return new RetryRow({
    attempts: message.numRetries ?? attemptsDefault,
    on,
    bits,
    statuses: message.retriableStatusCodes,
    methods: methods.methods,
    unavailableMethods: methods.unavailableMethods,
    perTryTimeoutMs: limitMs(message.perTryTimeout, null, scope.at("per_try_timeout")),
    backoffBaseMs: baseMs,
    backoffMaxMs: durationMs(retryBackOff?.maxInterval, baseMs * 10, at.at("max_interval")),
    avoidTried: message.retryHostPredicate.length > 0,
  });
}
