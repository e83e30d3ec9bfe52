// `weft cert`: the identities of the connected proxies and when they end.

import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { askProxies, type ProxyFlags, selectProxies } from "../proxies.ts";
import { formatAge, formatTable } from "../table.ts";

interface Certificate {
  readonly spiffeId: string;
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly roots: number;
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
    .action(async (name: string | undefined, flags: ProxyFlags) => {
      const rows = await selectProxies(context, flags, name);
      const answers = await askProxies(context, flags, rows, "cert");
      const items = answers.flatMap(({ body, proxy }) =>
        body === null ? [] : [{ workload: proxy, ...(body as Certificate) }],
      );
      if (flags.output === "json") {
        context.stdout.write(`${JSON.stringify({ items })}\n`);
        return;
      }
      const nowMs = context.runtime.clock.nowMs();
      context.stdout.write(
        formatTable(
          ["WORKLOAD", "IDENTITY", "SERIAL", "AGE", "ENDS IN"],
          items.map(({ notAfter, notBefore, serialNumber, spiffeId, workload }) => [
            workload,
            spiffeId,
            serialNumber,
            formatAge((nowMs - Date.parse(notBefore)) / 1000),
            formatAge((Date.parse(notAfter) - nowMs) / 1000),
          ]),
        ),
      );
    });
}
