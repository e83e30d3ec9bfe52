// Durations as strings, as GEP-2257 has them: one to four of `1h 2m 3s 4ms`, each number of at most
// five digits, no sign and no fraction.

import { type Schema, type SchemaFields, string } from "./schema.ts";

const DURATION_PATTERN = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";

const whole = new RegExp(DURATION_PATTERN);
const part = /([0-9]{1,5})(ms|h|m|s)/g;

const MS_OF = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

export function duration(description: string, options: SchemaFields = {}): Schema<string> {
  return string(description, { pattern: DURATION_PATTERN, ...options });
}

/** Milliseconds, or null when it is no duration. */
export function parseDurationMs(text: string): number | null {
  if (!whole.test(text)) return null;
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(part)) {
    totalMs += Number(count) * MS_OF[unit as keyof typeof MS_OF];
  }
  return totalMs;
}

/** The shortest writing: `90000` is `1m30s`. */
export function formatDuration(durationMs: number): string {
  let restMs = Math.max(0, Math.round(durationMs));
  let text = "";
  for (const unit of ["h", "m", "s", "ms"] as const) {
    const count = Math.floor(restMs / MS_OF[unit]);
    if (count > 0) text += `${count}${unit}`;
    restMs -= count * MS_OF[unit];
  }
  return text === "" ? "0s" : text;
}
