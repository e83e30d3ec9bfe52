// The deadline of a gRPC request (http-cases H53). What `grpc-timeout` asks for holds beside the
// route's timeout, whichever is sooner, from the moment the request came; and every attempt is told
// what is left, so that a deadline does not begin again at each hop.

import { formatGrpcTimeout, headerValue, parseGrpcTimeout, setHeader } from "@weft/wire";
import type { Exchange } from "../exchange/exchange.ts";

const timeoutHeader = "grpc-timeout";

/** How long the request may take; null: for ever. What is no timeout is none. */
export function deadlineMs(x: Exchange, routeTimeoutMs: number | null): number | null {
  const asked = headerValue(x.request.headers, timeoutHeader);
  const askedMs = asked === null ? -1 : parseGrpcTimeout(asked);
  if (askedMs < 0) return routeTimeoutMs;
  const timeoutMs = routeTimeoutMs === null ? askedMs : Math.min(askedMs, routeTimeoutMs);
  x.deadlineAtMs = x.startedAtMs + timeoutMs;
  return timeoutMs;
}

/** Tells the next hop what is left. */
export function shortenDeadline(x: Exchange): void {
  const leftMs = x.deadlineAtMs - x.thread.clock.monotonicMs();
  setHeader(x.request.headers, timeoutHeader, formatGrpcTimeout(leftMs));
}
