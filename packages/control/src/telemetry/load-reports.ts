// Takes agents' load reports into the statistics. An agent may speak only for its own service
// inbound; outbound rows name the services it called.

import type { LoadReport } from "@weft/xds/messages/weft/v1/agent.js";
import type { ServiceStats } from "./service-stats.ts";

/** The workload that reports, as it is registered. */
export interface Reporter {
  readonly namespace: string;
  readonly service: string;
}

export function takeLoadReport(stats: ServiceStats, from: Reporter, report: LoadReport): void {
  for (const row of report.rows) {
    if (row.direction === "inbound") stats.add("inbound", from, row, report.intervalMs);
    else if (row.direction === "outbound") stats.add("outbound", row, row, report.intervalMs);
  }
}
