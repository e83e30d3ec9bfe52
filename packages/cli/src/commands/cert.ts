// `weft cert`: the identities of the connected proxies and when they end.

import type { Command } from "commander";
import { type CliContext, resolveNamespace } from "../context.ts";
import { type ApiFlags, callControlJson } from "../control-api.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { formatAge, formatTable } from "../table.ts";

interface CertFlags extends ApiFlags {
  namespace?: string;
  allNamespaces?: boolean;
  output?: string;
}

interface CertRow {
  readonly workload: string;
  readonly spiffeId: string;
  readonly notAfter: string;
}

export function defineCert(program: Command, context: CliContext): void {
  program
    .command("cert")
    .description("the X.509-SVIDs in use and when they end")
    .argument("[name]", "a workload, or a service for all of its workloads")
    .addOption(namespaceOption())
    .option("-A, --all-namespaces", "every namespace")
    .addOption(serverOption())
    .addOption(outputOption("table", "json"))
    .action(async (name: string | undefined, flags: CertFlags) => {
      const rows = await readRows(context, flags, name);
      if (flags.output === "json") {
        context.stdout.write(`${JSON.stringify({ items: rows })}\n`);
        return;
      }
      const nowMs = context.runtime.clock.nowMs();
      context.stdout.write(
        formatTable(
          ["WORKLOAD", "IDENTITY", "ENDS IN"],
          rows.map((row) => [
            row.workload,
            row.spiffeId,
            formatAge((Date.parse(row.notAfter) - nowMs) / 1000),
          ]),
        ),
      );
    });
}

async function readRows(
  context: CliContext,
  flags: CertFlags,
  name: string | undefined,
): Promise<CertRow[]> {
  const { items } = await callControlJson<{
    items: { proxy: string; namespace: string; workload: string; service?: string }[];
  }>(context, flags, "/weft/v1/proxies");
  const namespace = resolveNamespace(context, flags.namespace);
  const rows: CertRow[] = [];
  for (const item of items) {
    if (flags.allNamespaces !== true && item.namespace !== namespace) continue;
    if (name !== undefined && item.workload !== name && item.service !== name) continue;
    const target = `/weft/v1/proxies/${item.namespace}/${item.workload}/status`;
    const status = await callControlJson<{ spiffeId?: string; certNotAfterMs?: number }>(
      context,
      flags,
      target,
    );
    rows.push({
      workload: item.proxy,
      spiffeId: status.spiffeId ?? "",
      notAfter: new Date(status.certNotAfterMs ?? 0).toISOString(),
    });
  }
  return rows;
}
