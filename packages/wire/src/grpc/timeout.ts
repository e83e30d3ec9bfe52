// `grpc-timeout`: at most eight digits and a unit.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md (Timeout)

const digitsMax = 8;
const valueMax = 99_999_999;

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** In milliseconds, possibly a fraction of one; -1 for what is no timeout. */
export function parseGrpcTimeout(value: string): number {
  const digits = value.slice(0, -1);
  if (digits.length === 0 || digits.length > digitsMax) return -1;
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return -1;
  }
  const unit = unitMs[value.slice(-1)];
  return unit === undefined ? -1 : Number(digits) * unit;
}

/** In the finest unit that holds it, rounded down: what is left never grows. */
export function formatGrpcTimeout(timeoutMs: number): string {
  if (timeoutMs <= 0) return "0n";
  const nanos = Math.floor(timeoutMs * 1e6);
  if (nanos <= valueMax) return `${nanos}n`;
  const micros = Math.floor(timeoutMs * 1e3);
  if (micros <= valueMax) return `${micros}u`;
  if (timeoutMs <= valueMax) return `${Math.floor(timeoutMs)}m`;
  const seconds = Math.floor(timeoutMs / 1_000);
  if (seconds <= valueMax) return `${seconds}S`;
  const minutes = Math.floor(timeoutMs / 60_000);
  return minutes <= valueMax ? `${minutes}M` : `${Math.min(valueMax, Math.floor(minutes / 60))}H`;
}
