// The control plane's own metrics as Prometheus reads them at `/metrics`.

import { MetricsText, requestDurationBounds } from "@weft/runtime";
import { durationBucket } from "@weft/runtime";

/** Counts what has no counter elsewhere. */
export class ControlCounts {
  readonly #requests = new Map<string, number>();
  readonly #signed = new Map<string, number>();
  readonly #durationBuckets: number[] = new Array<number>(requestDurationBounds.length + 1).fill(0);
  #durationSumSeconds = 0;

  /** An API response; watches count when they begin. */
  request(method: string, status: number, durationMs: number): void {
    bump(this.#requests, `${method} ${status}`);
    const at = durationBucket(durationMs / 1000);
    this.#durationBuckets[at] = (this.#durationBuckets[at] ?? 0) + 1;
    this.#durationSumSeconds += durationMs / 1000;
  }

  /** A certificate request: `issued`, or the code of its refusal. */
  signed(outcome: string): void {
    bump(this.#signed, outcome);
  }

  write(text: MetricsText): void {
    text.family("weft_api_requests_total", "counter", "Responses of the REST API.");
    for (const [key, count] of sorted(this.#requests)) {
      const [method = "", code = ""] = key.split(" ");
      text.sample("weft_api_requests_total", ["method", method, "code", code], count);
    }
    const name = "weft_api_request_duration_seconds";
    text.family(name, "histogram", "Time to the head of a REST API response.");
    text.histogram(
      name,
      [],
      requestDurationBounds,
      this.#durationBuckets,
      this.#durationSumSeconds,
    );
    text.family("weft_ca_requests_total", "counter", "Certificate requests by outcome.");
    for (const [outcome, count] of sorted(this.#signed)) {
      text.sample("weft_ca_requests_total", ["outcome", outcome], count);
    }
  }
}

/** Readings at the moment of a scrape. */
export interface ControlReadings {
  readonly version: string;
  readonly nowMs: number;
  readonly agents: number;
  readonly storeRevision: number;
  readonly isStoreReadOnly: boolean;
  readonly serverCertNotAfterMs: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly publisher: {
    readonly proxies: number;
    readonly publications: number;
    readonly nacks: number;
    readonly refusals: number;
    readonly lastPublishMs: number;
  };
  readonly xds: { readonly streams: number; readonly responses: number; readonly bytes: number };
}

export function writeControlMetrics(counts: ControlCounts, readings: ControlReadings): string {
  const text = new MetricsText();
  const { publisher, xds } = readings;
  text.family("weft_build_info", "gauge", "The running version, always 1.");
  text.sample("weft_build_info", ["version", readings.version], 1);
  const one = (name: string, kind: "gauge" | "counter", help: string, value: number): void => {
    text.family(name, kind, help);
    text.sample(name, [], value);
  };
  one("weft_agents", "gauge", "Agents whose stream is open.", readings.agents);
  one("weft_store_revision", "gauge", "The store's newest revision.", readings.storeRevision);
  const isReadOnly = readings.isStoreReadOnly ? 1 : 0;
  one("weft_store_read_only", "gauge", "1 while the store takes no writes.", isReadOnly);
  one("weft_xds_proxies", "gauge", "Proxies that subscribe to configuration.", publisher.proxies);
  one("weft_xds_streams", "gauge", "Open ADS streams.", xds.streams);
  one("weft_xds_responses_total", "counter", "Discovery responses sent.", xds.responses);
  one("weft_xds_sent_bytes_total", "counter", "Bytes of discovery responses sent.", xds.bytes);
  one("weft_xds_nacks_total", "counter", "Discovery responses refused.", publisher.nacks);
  one(
    "weft_xds_publications_total",
    "counter",
    "Snapshots published after changes.",
    publisher.publications,
  );
  one(
    "weft_xds_withheld_total",
    "counter",
    "Publications held back because a reference in them would dangle.",
    publisher.refusals,
  );
  one(
    "weft_xds_last_publication_seconds",
    "gauge",
    "From the first event of the last publication to its end.",
    publisher.lastPublishMs / 1000,
  );
  const leftSeconds = (readings.serverCertNotAfterMs - readings.nowMs) / 1000;
  text.family("weft_cert_expiry_seconds", "gauge", "Time until the certificate in use ends.");
  text.sample("weft_cert_expiry_seconds", ["identity", "control-plane"], leftSeconds);
  counts.write(text);
  one("process_cpu_seconds_total", "counter", "CPU time used.", readings.cpuSeconds);
  one("process_resident_memory_bytes", "gauge", "Resident memory.", readings.residentBytes);
  return text.toString();
}

function bump(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
