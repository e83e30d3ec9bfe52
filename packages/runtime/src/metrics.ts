// Prometheus text (version 0.0.4) from rows of numbers. There is no registry: whoever measures
// keeps its own numbers and writes them when asked.
// https://prometheus.io/docs/instrumenting/exposition_formats/

/** Upper bounds of `weft_request_duration_seconds`; one more bucket holds the rest. */
export const requestDurationBounds: readonly number[] = Object.freeze([
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2,
  0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30,
]);

/** Index of the bucket a duration falls into. */
export function durationBucket(seconds: number): number {
  let i = 0;
  while (i < requestDurationBounds.length && seconds > (requestDurationBounds[i] as number)) i++;
  return i;
}

export type MetricKind = "counter" | "gauge" | "histogram";
/** [name, value, …] */
export type LabelList = readonly string[];

export class MetricsText {
  readonly #lines: string[] = [];

  /** Starts a family; its samples follow. */
  family(name: string, kind: MetricKind, help: string): void {
    this.#lines.push(`# HELP ${name} ${help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}`);
    this.#lines.push(`# TYPE ${name} ${kind}`);
  }

  sample(name: string, labels: LabelList, value: number): void {
    this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`);
  }

  /** `counts` has one entry per bound and one for the rest, not cumulative. */
  histogram(
    name: string,
    labels: LabelList,
    bounds: readonly number[],
    counts: ArrayLike<number>,
    sum: number,
  ): void {
    let total = 0;
    bounds.forEach((bound, i) => {
      total += counts[i] ?? 0;
      this.sample(`${name}_bucket`, [...labels, "le", numberText(bound)], total);
    });
    total += counts[bounds.length] ?? 0;
    this.sample(`${name}_bucket`, [...labels, "le", "+Inf"], total);
    this.sample(`${name}_sum`, labels, sum);
    this.sample(`${name}_count`, labels, total);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

function labelText(labels: LabelList): string {
  if (labels.length === 0) return "";
  const parts: string[] = [];
  for (let i = 0; i < labels.length; i += 2) {
    const value = (labels[i + 1] ?? "")
      .replace(/\\/g, "\\\\")
      .replace(/"/g, '\\"')
      .replace(/\n/g, "\\n");
    parts.push(`${labels[i]}="${value}"`);
  }
  return `{${parts.join(",")}}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
