// Which outcomes each `retry_on` condition covers, and for which methods.

import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  RetryPolicy,
  Route,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { AttemptFailure, isRetryableFailure, isRetryableResponse } from "./retryable.ts";
import { type Partly, sampleRoutes } from "./sample-messages.ts";
import type { RetryRow } from "./tables.ts";

function retryRow(retryPolicy: Partly<RetryPolicy>, weft: object = {}): RetryRow {
  const [row] = sampleRoutes({
    match: { pathSpecifier: { $case: "prefix", prefix: "/" } },
    metadata: { filterMetadata: { "dev.weft": weft } },
    action: {
      $case: "route",
      route: { clusterSpecifier: { $case: "cluster", cluster: "c" }, retryPolicy },
    },
  } as Partly<Route>);
  assert.ok(row?.retry);
  return row.retry;
}

/** What a condition covers: failures by name, statuses as numbers. */
function covered(retryOn: string, more: Partly<RetryPolicy> = {}): (string | number)[] {
  const row = retryRow({ retryOn, ...more });
  const found: (string | number)[] = [];
  for (const [name, failure] of Object.entries(AttemptFailure)) {
    if (isRetryableFailure(row, "POST", failure)) found.push(name);
  }
  for (const status of [200, 404, 409, 429, 500, 501, 502, 503, 504, 599]) {
    if (isRetryableResponse(row, "POST", status, [])) found.push(status);
  }
  return found;
}

test("each condition covers what Envoy's does", () => {
  const everyFailure = ["Connect", "Refused", "ResetUnsent", "Reset", "TryTimeout"];
  assert.deepEqual(covered("5xx"), [...everyFailure, 500, 501, 502, 503, 504, 599]);
  assert.deepEqual(covered("gateway-error"), [...everyFailure, 502, 503, 504]);
  assert.deepEqual(covered("reset"), everyFailure);
  assert.deepEqual(covered("reset-before-request"), ["Connect", "ResetUnsent"]);
  assert.deepEqual(covered("connect-failure"), ["Connect"]);
  assert.deepEqual(covered("refused-stream"), ["Refused"]);
  assert.deepEqual(covered("retriable-4xx"), [409]);
  const statuses = { retriableStatusCodes: [429, 503] };
  assert.deepEqual(covered("retriable-status-codes", statuses), [429, 503]);
  assert.deepEqual(covered("connect-failure", statuses), ["Connect"]);
  assert.deepEqual(covered(" connect-failure , refused-stream"), ["Connect", "Refused"]);
  assert.deepEqual(covered(""), []);
});

test("gRPC conditions read grpc-status", () => {
  const row = retryRow({ retryOn: "unavailable,resource-exhausted" });
  const isRetried = (status: string): boolean =>
    isRetryableResponse(row, "POST", 200, ["grpc-status", status]);
  assert.ok(isRetried("14"));
  assert.ok(isRetried("8"));
  assert.ok(!isRetried("0"));
  assert.ok(!isRetried("13"));
  assert.ok(!isRetryableResponse(row, "POST", 200, []));
});

test("the default: connect and refused for every method, 503 for reading ones only", () => {
  const row = retryRow(
    {
      retryOn: "connect-failure,refused-stream,retriable-status-codes",
      retriableStatusCodes: [503],
      numRetries: 2,
    },
    { retryOn503Methods: ["GET", "HEAD", "OPTIONS", "TRACE"] },
  );
  assert.equal(row.attempts, 2);
  assert.ok(isRetryableFailure(row, "POST", AttemptFailure.Connect));
  assert.ok(!isRetryableFailure(row, "GET", AttemptFailure.Reset));
  assert.ok(isRetryableResponse(row, "GET", 503, []));
  assert.ok(!isRetryableResponse(row, "POST", 503, []));
  assert.ok(!isRetryableResponse(row, "GET", 502, []));
});

test("a list of methods holds for everything", () => {
  const row = retryRow({ retryOn: "5xx" }, { retryMethods: ["PUT"] });
  assert.ok(isRetryableResponse(row, "PUT", 500, []));
  assert.ok(!isRetryableResponse(row, "GET", 500, []));
  assert.ok(!isRetryableFailure(row, "GET", AttemptFailure.Connect));
});
