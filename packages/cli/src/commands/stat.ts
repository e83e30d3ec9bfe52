// `weft stat`: rate, success, latency and the share of mTLS of each service over the last 30 s.

import type { Command } from "commander";
import { type CliContext, resolveNamespace } from "../context.ts";
import { callControlJson } from "../control-api.ts";
import type { StatRow } from "../demo/rates.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { formatTable } from "../table.ts";

interface StatFlags {
  namespace?: string;
  allNamespaces?: boolean;
  outbound?: boolean;
  server?: string;
  output?: string;
}

export function defineStat(program: Command, context: CliContext): void {
  program
    .command("stat")
    .description("rate, success, latency and mTLS share per service, over the last 30 s")
    .addOption(namespaceOption())
    .option("-A, --all-namespaces", "every namespace")
    .option("--outbound", "as the callers measured it")
    .addOption(serverOption())
    .addOption(outputOption("table", "json"))
    .action(async (flags: StatFlags) => {
      const query = new URLSearchParams();
      if (flags.allNamespaces !== true) {
        query.set("namespace", resolveNamespace(context, flags.namespace));
      }
      if (flags.outbound === true) query.set("outbound", "true");
      const answer = await callControlJson<{ items: StatRow[] }>(
        context,
        flags,
        `/weft/v1/stats?${query.toString()}`,
      );
      if (flags.output === "json") context.stdout.write(`${JSON.stringify(answer)}\n`);
      else context.stdout.write(render(answer.items, flags.allNamespaces === true));
    });
}

function render(rows: readonly StatRow[], withNamespace: boolean): string {
  if (rows.length === 0) return "No requests in the last 30 s.\n";
  const head = ["SERVICE", "RPS", "SUCCESS", "P50", "P95", "P99", "MTLS"];
  const cells = rows.map((row) => [
    row.service,
    row.requestsPerSecond.toFixed(1),
    share(row.successRate),
    latency(row.latencyMs.p50),
    latency(row.latencyMs.p95),
    latency(row.latencyMs.p99),
    share(row.mtlsShare),
  ]);
  if (!withNamespace) return formatTable(head, cells);
  return formatTable(
    ["NAMESPACE", ...head],
    cells.map((row, index) => [rows[index]?.namespace ?? "", ...row]),
  );
}

function share(value: number | null): string {
  return value === null ? "-" : `${(value * 100).toFixed(2)}%`;
}

function latency(value: number | null): string {
  return value === null ? "-" : `${value.toFixed(value < 10 ? 1 : 0)}ms`;
}
