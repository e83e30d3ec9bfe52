// The control plane's numbers and names in one place, with their defaults. Flags and tests override
// them; nothing else in the control plane reads the environment.

import { MeshError } from "./errors.ts";

export interface ControlSettings {
  /**
   * Naming root of every identity; fixed when the data directory is first used. Null: the
   * directory's own, or weft.local for a new one.
   */
  readonly trustDomain: string | null;
  /** Length of life of an SVID whose request names none, and the longest given. */
  readonly svidTtlMs: number;
  /** A shorter one is never given. */
  readonly svidTtlMinMs: number;
  /** Certificates one identity may ask for at once, and how fast that allowance refills. */
  readonly csrBurst: number;
  readonly csrPerMinute: number;
  /** A workload whose stream ended is removed after this, unless it returned. */
  readonly lostStreamMs: number;
  /** After a start every stored workload counts as alive for this long. */
  readonly startGraceMs: number;
  /** The time in which lost streams may remove at most half of a service's endpoints. */
  readonly removalWindowMs: number;
  /** Longest wait for peers to acknowledge the removal of a leaving workload. */
  readonly deregisterWaitMs: number;
  /** Longest wait for a proxy's answer to a question. */
  readonly questionTimeoutMs: number;
  /** The window of `weft stat`. */
  readonly statWindowMs: number;
}

export const defaultTrustDomain = "weft.local";

export const defaultSettings: ControlSettings = {
  trustDomain: null,
  svidTtlMs: 24 * 60 * 60_000,
  svidTtlMinMs: 60 * 60_000,
  csrBurst: 500,
  csrPerMinute: 600,
  lostStreamMs: 10_000,
  startGraceMs: 60_000,
  removalWindowMs: 60_000,
  deregisterWaitMs: 2_000,
  questionTimeoutMs: 5_000,
  statWindowMs: 30_000,
};

/** What the environment may override: WEFT_TRUST_DOMAIN and WEFT_SVID_TTL (e.g. `90s`, `12h`). */
export function settingsFromEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): Partial<ControlSettings> {
  const out: { -readonly [K in keyof ControlSettings]?: ControlSettings[K] } = {};
  const trustDomain = environment["WEFT_TRUST_DOMAIN"];
  if (trustDomain !== undefined && trustDomain !== "") out.trustDomain = trustDomain;
  const ttl = environment["WEFT_SVID_TTL"];
  if (ttl !== undefined && ttl !== "") {
    out.svidTtlMs = parseTtlMs(ttl);
    out.svidTtlMinMs = Math.min(out.svidTtlMs, defaultSettings.svidTtlMinMs);
  }
  return out;
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

function parseTtlMs(text: string): number {
  const match = /^(\d+)(ms|s|m|h)$/.exec(text);
  const value = match === null ? 0 : Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0);
  if (value < 1_000) {
    throw new MeshError("usage", `WEFT_SVID_TTL is ${JSON.stringify(text)}, not a time`, {
      hint: "Write a number and a unit, at least one second: 90s, 15m, 12h.",
    });
  }
  return value;
}
