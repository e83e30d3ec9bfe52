// The end of every exchange, reached exactly once: what is still under way is given up, and what
// happened is counted, logged and kept for whoever asks.

import { type Exchange, Phase } from "./exchange.ts";
import { settleGrpc } from "./grpc.ts";

export function finish(x: Exchange): void {
  if (x.phase === Phase.Done) return;
  x.phase = Phase.Done;
  x.cancelTimers();
  x.attempt?.cancel();
  if (x.owesRetry) x.cluster?.breaker.releaseRetry();
  if (!x.requestEnded && x.mirrors !== null) for (const mirror of x.mirrors) mirror.abort();
  if (x.isGrpc) settleGrpc(x);
  const { thread } = x;
  const nowMs = thread.clock.monotonicMs();
  thread.stats.count(x, nowMs - x.startedAtMs);
  if (x.wantsExplanation) thread.decisions.keep(x);
  thread.accessLog?.write(x, nowMs - x.startedAtMs);
  x.downstream.finished(x);
}
