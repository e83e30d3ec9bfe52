// `weft proxy …`: the proxies that are connected, and what each really runs, asked over its own
// stream.

import { type Command, Option } from "commander";
import type { CliContext } from "../context.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { askProxies, type ProxyFlags, type ProxyRow, selectProxies } from "../proxies.ts";
import { type Item, proxyTable } from "../proxy-tables.ts";
import { formatAge, formatTable } from "../table.ts";

const topics = ["list", "endpoints", "routes", "listeners", "clusters", "config", "log"] as const;
type Topic = (typeof topics)[number];

export function defineProxy(program: Command, context: CliContext): void {
  const parent = program
    .command("proxy")
    .description("the connected proxies and what they run; alone, the list of them");
  for (const topic of topics) {
    parent
      .command(topic, { isDefault: topic === "list" })
      .description(describeTopic(topic))
      .addOption(namespaceOption())
      .addOption(new Option("-A, --all-namespaces", "every namespace"))
      .addOption(serverOption())
      .addOption(outputOption("table", "json"))
      .argument("[name]", "a workload, or a service for all of its workloads")
      .action(async (name: string | undefined, flags: ProxyFlags) => {
        const rows = await selectProxies(context, flags, name);
        if (topic === "list") printList(context, flags, rows);
        else await printTopic(context, flags, topic, rows);
      });
  }
}

function describeTopic(topic: Topic): string {
  if (topic === "list") return "which proxies are connected and whether they run what they should";
  if (topic === "config") return "everything a proxy runs, as JSON";
  if (topic === "log") return "a proxy's newest log lines";
  return `the ${topic} a proxy runs`;
}

function printList(context: CliContext, flags: ProxyFlags, rows: readonly ProxyRow[]): void {
  if (flags.output === "json") {
    context.stdout.write(`${JSON.stringify({ items: rows })}\n`);
    return;
  }
  if (rows.length === 0) {
    context.stdout.write("No proxies are connected. Start one with `weft run`.\n");
    return;
  }
  const nowMs = context.runtime.clock.nowMs();
  context.stdout.write(
    formatTable(
      ["PROXY", "KIND", "VERSION", "CONFIG", "SYNC", "CONNECTED", "REFUSED"],
      rows.map((row) => [
        row.proxy,
        row.kind,
        row.version,
        row.configVersion ?? "-",
        row.sync,
        formatAge((nowMs - row.connectedAtMs) / 1000),
        row.nacks.map((nack) => nack.message).join("; "),
      ]),
    ),
  );
}

async function printTopic(
  context: CliContext,
  flags: ProxyFlags,
  topic: Exclude<Topic, "list">,
  rows: readonly ProxyRow[],
): Promise<void> {
  const answers = await askProxies(context, flags, rows, topic);
  const items: Item[] = answers.flatMap(({ body, proxy }) =>
    listOf(body).map((item) => ({ proxy, ...item })),
  );
  if (flags.output === "json" || topic === "config") {
    context.stdout.write(`${JSON.stringify({ items }, null, topic === "config" ? 2 : 0)}\n`);
  } else if (topic === "log") {
    for (const { line, proxy } of items) {
      context.stdout.write(`${rows.length > 1 ? `${proxy} ` : ""}${String(line)}\n`);
    }
  } else {
    context.stdout.write(items.length === 0 ? `No ${topic}.\n` : proxyTable(topic, items));
  }
}

/** A proxy answers `{items:[…]}`, a list, or one object. */
function listOf(answer: unknown): Record<string, unknown>[] {
  const value = (answer as { items?: unknown } | null)?.items ?? answer;
  const list = Array.isArray(value) ? value : [value];
  return list.map((item: unknown) =>
    typeof item === "object" && item !== null ? (item as Record<string, unknown>) : { line: item },
  );
}
