// Durations of Envoy messages in milliseconds.

import type { Duration } from "@weft/xds/messages/google/protobuf/duration.js";
import type { Scope } from "./scope.ts";

/** A day longer than any timer can wait is refused, not rounded. */
const timerMsMax = 2 ** 31 - 1;

/** `absent` stands for a missing field. */
export function durationMs<T>(message: Duration | undefined, absent: T, scope: Scope): number | T {
  if (message === undefined) return absent;
  const ms = Number(message.seconds) * 1000 + message.nanos / 1e6;
  if (ms >= 0 && ms <= timerMsMax) return ms;
  scope.refuse(`must be between 0 and ${timerMsMax} ms`);
  return absent;
}

/** For fields whose 0 means "none": null then. */
export function limitMs(
  message: Duration | undefined,
  absentMs: number | null,
  scope: Scope,
): number | null {
  const ms = durationMs(message, absentMs, scope);
  return ms === 0 ? null : ms;
}
