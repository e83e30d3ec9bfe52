// `weft get KIND|all [NAME]`: objects as a table, or whole as JSON or YAML.

import type { ApiObject, KindInfo } from "@weft/api";
import { type Command, Option } from "commander";
import { type CliContext, resolveNamespace } from "../context.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { nameOf, openClient, resolveKinds, told } from "../objects.ts";
import { formatTable } from "../table.ts";
import { yamlText } from "../yaml-text.ts";

interface GetFlags {
  namespace?: string;
  allNamespaces?: boolean;
  selector?: string;
  fieldSelector?: string;
  watch?: boolean;
  showManagedFields?: boolean;
  server?: string;
  output?: string;
}

interface Found {
  readonly info: KindInfo;
  readonly items: ApiObject[];
}

export function defineGet(program: Command, context: CliContext): void {
  program
    .command("get")
    .description(
      "show objects: weft get services, weft get workloads -A, weft get httproute catalog -o yaml",
    )
    .argument("<kind>", "a kind, several with commas, or all")
    .argument("[names...]")
    .addOption(namespaceOption())
    .option("-A, --all-namespaces", "every namespace")
    .addOption(new Option("-l, --selector <labels>", "only with these labels: version=v2"))
    .addOption(
      new Option("--field-selector <fields>", "only with these fields: metadata.name=catalog"),
    )
    .option("-w, --watch", "go on printing what changes")
    .option("--show-managed-fields", "with json and yaml, also who manages which field")
    .addOption(serverOption())
    .addOption(outputOption("table", "wide", "json", "yaml", "name"))
    .action(async (kind: string, names: string[], flags: GetFlags) => {
      const [word = "", inline] = kind.split("/");
      const wanted = inline === undefined ? names : [inline, ...names];
      const kinds = resolveKinds(word);
      const found: Found[] = [];
      for (const info of kinds) found.push(await fetchObjects(context, flags, info, wanted));
      print(context, flags, found, kinds.length > 1);
      if (flags.watch === true) await follow(context, flags, kinds);
    });
}

async function fetchObjects(
  context: CliContext,
  flags: GetFlags,
  info: KindInfo,
  names: readonly string[],
): Promise<Found> {
  const client = openClient(context, flags);
  const namespace = info.namespaced ? resolveNamespace(context, flags.namespace) : null;
  if (names.length > 0) {
    const items: ApiObject[] = [];
    for (const name of names) items.push(await told("", () => client.get(info, namespace, name)));
    return { info, items };
  }
  const list = await told("", () => client.list(info, parameters(context, flags, info)));
  // Objects in a list carry no kind of their own.
  const { apiVersion, kind } = { apiVersion: list.apiVersion, kind: info.kind };
  return { info, items: list.items.map((item) => ({ ...item, apiVersion, kind })) };
}

function parameters(
  context: CliContext,
  flags: GetFlags,
  info: KindInfo,
): { namespace?: string; labelSelector?: string; fieldSelector?: string } {
  const isEverywhere = !info.namespaced || flags.allNamespaces === true;
  return {
    ...(isEverywhere ? {} : { namespace: resolveNamespace(context, flags.namespace) }),
    ...(flags.selector === undefined ? {} : { labelSelector: flags.selector }),
    ...(flags.fieldSelector === undefined ? {} : { fieldSelector: flags.fieldSelector }),
  };
}

function print(
  context: CliContext,
  flags: GetFlags,
  found: readonly Found[],
  isMixed: boolean,
): void {
  const { output } = flags;
  const items = found.flatMap((part) => part.items);
  if (output === "json" || output === "yaml") {
    const shown = flags.showManagedFields === true ? items : items.map(withoutManagedFields);
    const list = {
      apiVersion: "v1",
      kind: "List",
      metadata: { resourceVersion: "" },
      items: shown,
    };
    context.stdout.write(output === "json" ? `${JSON.stringify(list)}\n` : yamlText(list));
    return;
  }
  if (output === "name") {
    for (const { info, items: own } of found) {
      for (const object of own) context.stdout.write(`${nameOf(info, object)}\n`);
    }
    return;
  }
  if (items.length === 0) {
    const where =
      flags.allNamespaces === true
        ? ""
        : ` in namespace ${resolveNamespace(context, flags.namespace)}`;
    context.stderr.write(`No objects found${found[0]?.info.namespaced === false ? "" : where}.\n`);
    return;
  }
  const tables = found
    .filter((part) => part.items.length > 0)
    .map((part) => table(context, flags, part, isMixed));
  context.stdout.write(tables.join("\n"));
}

function withoutManagedFields(object: ApiObject): ApiObject {
  const { managedFields, ...metadata } = object.metadata;
  void managedFields;
  return { ...object, metadata };
}

function table(context: CliContext, flags: GetFlags, found: Found, isMixed: boolean): string {
  const { info, items } = found;
  const columns = info.columns.filter((column) => column.priority === 0 || flags.output === "wide");
  const withNamespace = flags.allNamespaces === true && info.namespaced;
  const nowMs = context.runtime.clock.nowMs();
  const head = columns.map((column) => column.name.toUpperCase());
  const rows = items.map((object) => {
    const cells = columns.map((column) =>
      column.format === "name" && isMixed
        ? nameOf(info, object)
        : String(column.cell(object, nowMs)),
    );
    return withNamespace ? [object.metadata.namespace ?? "", ...cells] : cells;
  });
  return formatTable(withNamespace ? ["NAMESPACE", ...head] : head, rows);
}

/** Until interrupted: one line per change. */
async function follow(
  context: CliContext,
  flags: GetFlags,
  kinds: readonly KindInfo[],
): Promise<void> {
  const client = openClient(context, flags);
  await Promise.all(
    kinds.map(async (info) => {
      const list = await told("", () => client.list(info, parameters(context, flags, info)));
      const resourceVersion = list.metadata.resourceVersion ?? "";
      const watch = client.watch(info, { ...parameters(context, flags, info), resourceVersion });
      for await (const event of watch) {
        if (event.type === "BOOKMARK") continue;
        const object = withoutManagedFields({ ...event.object, kind: info.kind });
        if (flags.output === "json")
          context.stdout.write(`${JSON.stringify({ ...event, object })}\n`);
        else {
          const [, row = ""] = table(
            context,
            flags,
            { info, items: [object] },
            kinds.length > 1,
          ).split("\n");
          context.stdout.write(`${event.type === "DELETED" ? "deleted   " : ""}${row}\n`);
        }
      }
    }),
  );
}
