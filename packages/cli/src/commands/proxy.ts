// `weft proxy …`: the proxies that are connected, and what each really runs, asked over its own
// stream.

import { type Command, Option } from "commander";
import { type CliContext, resolveNamespace } from "../context.ts";
import { type ApiFlags, callControlJson } from "../control-api.ts";
import { CliFailure } from "../failure.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { formatAge, formatTable } from "../table.ts";

const topics = ["list", "endpoints", "routes", "listeners", "clusters", "config", "log"] as const;
type Topic = (typeof topics)[number];

interface ProxyFlags extends ApiFlags {
  namespace?: string;
  allNamespaces?: boolean;
  output?: string;
}

interface ProxyRow {
  readonly proxy: string;
  readonly namespace: string;
  readonly workload: string;
  readonly service: string;
  readonly kind: string;
  readonly version: string;
  readonly sync: string;
  readonly configVersion: string | null;
  readonly connectedAtMs: number;
  readonly nacks: readonly { readonly typeUrl: string; readonly message: string }[];
}

export function defineProxy(program: Command, context: CliContext): void {
  const parent = program
    .command("proxy")
    .description("the connected proxies and what they run")
    .action(async () => await run("list", undefined, {}));
  const run = async (topic: Topic, name: string | undefined, flags: ProxyFlags): Promise<void> => {
    const rows = await selectProxies(context, flags, name);
    if (topic === "list") return printList(context, flags, rows);
    if (name !== undefined && rows.length === 0) throw notConnected(name);
    await printTopic(context, flags, topic, rows);
  };
  for (const topic of topics) {
    parent
      .command(topic)
      .description(describeTopic(topic))
      .addOption(namespaceOption())
      .addOption(new Option("-A, --all-namespaces", "every namespace"))
      .addOption(serverOption())
      .addOption(outputOption("table", "json"))
      .argument("[name]", "a workload, or a service for all of its workloads")
      .action((name: string | undefined, flags: ProxyFlags) => run(topic, name, flags));
  }
}

function describeTopic(topic: Topic): string {
  if (topic === "list") return "which proxies are connected and whether they run what they should";
  if (topic === "config") return "everything a proxy runs, as JSON";
  if (topic === "log") return "a proxy's newest log lines";
  return `the ${topic} a proxy runs`;
}

async function selectProxies(
  context: CliContext,
  flags: ProxyFlags,
  name: string | undefined,
): Promise<ProxyRow[]> {
  const { items } = await callControlJson<{ items: ProxyRow[] }>(
    context,
    flags,
    "/weft/v1/proxies",
  );
  const namespace = resolveNamespace(context, flags.namespace);
  return items.filter((row) => {
    if (flags.allNamespaces !== true && row.namespace !== namespace) return false;
    return name === undefined || row.workload === name || row.service === name;
  });
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
  topic: Topic,
  rows: readonly ProxyRow[],
): Promise<void> {
  const items: Record<string, unknown>[] = [];
  for (const row of rows) {
    const target = `/weft/v1/proxies/${row.namespace}/${row.workload}/${topic}`;
    const answer = await callControlJson<unknown>(context, flags, target);
    for (const item of listOf(answer)) items.push({ proxy: row.proxy, ...item });
  }
  if (flags.output === "json" || topic === "config") {
    context.stdout.write(`${JSON.stringify({ items }, null, topic === "config" ? 2 : 0)}\n`);
  } else if (items.length === 0) {
    context.stdout.write(`No ${topic}.\n`);
  } else {
    const keys = [...new Set(items.flatMap((item) => Object.keys(item)))];
    context.stdout.write(
      formatTable(
        keys.map((key) => key.replace(/([a-z])([A-Z])/g, "$1-$2").toUpperCase()),
        items.map((item) => keys.map((key) => cell(item[key]))),
      ),
    );
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

function cell(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function notConnected(name: string): CliFailure {
  return new CliFailure({
    code: "workload-not-connected",
    message: `no connected proxy belongs to "${name}"`,
    hint: "See who is connected with `weft proxy list -A`.",
  });
}
