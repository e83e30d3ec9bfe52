// The demo's live view: one line per service, redrawn in place on a terminal, printed now and then
// elsewhere.

import type { Colours } from "../colours.ts";
import type { OutputStream } from "../context.ts";

/** One row of `weft stat -o json` (design section 7). */
export interface StatRow {
  readonly namespace: string;
  readonly service: string;
  readonly requestsPerSecond: number;
  readonly successRate: number | null;
  readonly latencyMs: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  readonly mtlsShare: number | null;
}

function rateLines(rows: readonly StatRow[]): string[] {
  const head = `${"SERVICE".padEnd(12)}${"RPS".padStart(8)}${"SUCCESS".padStart(10)}${"P50".padStart(9)}${"P99".padStart(9)}${"MTLS".padStart(8)}`;
  return [
    head,
    ...rows.map(
      (row) =>
        row.service.padEnd(12) +
        row.requestsPerSecond.toFixed(1).padStart(8) +
        percent(row.successRate).padStart(10) +
        milliseconds(row.latencyMs.p50).padStart(9) +
        milliseconds(row.latencyMs.p99).padStart(9) +
        percent(row.mtlsShare).padStart(8),
    ),
  ];
}

export class LiveRates {
  readonly #out: OutputStream;
  readonly #colours: Colours;
  #drawn = 0;

  constructor(out: OutputStream, colours: Colours) {
    this.#out = out;
    this.#colours = colours;
  }

  draw(rows: readonly StatRow[]): void {
    const [head = "", ...lines] = rateLines(rows);
    if (this.#out.isTTY !== true) {
      for (const line of lines) this.#out.write(`rates: ${line}\n`);
      return;
    }
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    const text = [this.#colours.dim(head), ...lines].map((line) => `\u001b[2K${line}\n`).join("");
    this.#out.write(up + text);
    this.#drawn = lines.length + 1;
  }
}

function percent(share: number | null): string {
  return share === null ? "-" : `${(share * 100).toFixed(share === 1 ? 0 : 1)} %`;
}

function milliseconds(value: number | null): string {
  return value === null ? "-" : `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}
