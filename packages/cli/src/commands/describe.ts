// `weft describe KIND NAME`: everything about one object; for a service also the values in force
// and where each comes from, and its workloads.

import { type ApiClient, type ApiObject, kinds, type Service, type Workload } from "@weft/api";
import type { Command } from "commander";
import { type CliContext, resolveNamespace } from "../context.ts";
import { callControlJson } from "../control-api.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { openClient, resolveKinds, told } from "../objects.ts";
import { usageFailure } from "../failure.ts";
import { formatTable } from "../table.ts";
import { yamlText } from "../yaml-text.ts";

interface DescribeFlags {
  namespace?: string;
  server?: string;
  output?: string;
}

interface Origin {
  readonly kind: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly attachedTo?: string;
}

interface Effective {
  readonly values: readonly { name: string; value: unknown; origin: Origin }[];
  readonly conflicted: readonly { kind: string; namespace: string; name: string }[];
}

export function defineDescribe(program: Command, context: CliContext): void {
  program
    .command("describe")
    .description(
      "everything about one object; for a service, the values in force and where each comes from",
    )
    .argument("<kind>")
    .argument("[name]")
    .addOption(namespaceOption())
    .addOption(serverOption())
    .addOption(outputOption("json"))
    .action(async (kind: string, second: string | undefined, flags: DescribeFlags) => {
      const [word = "", inline] = kind.split("/");
      const name = inline ?? second;
      const [info] = resolveKinds(word);
      if (info === undefined || name === undefined) {
        throw usageFailure("name one object", "For example: weft describe service catalog");
      }
      const client = openClient(context, flags);
      const namespace = info.namespaced ? resolveNamespace(context, flags.namespace) : null;
      const object = await told("", () => client.get(info, namespace, name));
      const events = await told("", () =>
        client.list(kinds.Event, {
          ...(namespace === null ? {} : { namespace }),
          fieldSelector: `involvedObject.kind=${info.kind},involvedObject.name=${name}`,
        }),
      );
      const isService = info.kind === "Service";
      const effective = isService ? await inForce(context, flags, namespace ?? "", name) : null;
      const workloads = isService ? await workloadsOf(client, object as Service) : null;
      if (flags.output === "json") {
        const parts = { object, events: events.items, effective, workloads };
        context.stdout.write(`${JSON.stringify(parts)}\n`);
        return;
      }
      context.stdout.write(render(object));
      if (effective !== null) context.stdout.write(renderEffective(effective));
      if (workloads !== null) context.stdout.write(renderWorkloads(workloads));
      context.stdout.write(renderEvents(events.items));
    });
}

/** Membership is the selector over the Workloads' labels, nothing else. */
async function workloadsOf(client: ApiClient, service: Service): Promise<Workload[]> {
  const selector = Object.entries(service.spec.selector ?? {});
  if (selector.length === 0) return [];
  const labelSelector = selector.map(([label, value]) => `${label}=${value}`).join(",");
  const namespace = service.metadata.namespace ?? "";
  const list = await told("", () => client.list(kinds.Workload, { namespace, labelSelector }));
  return list.items as unknown as Workload[];
}

function renderWorkloads(items: readonly Workload[]): string {
  if (items.length === 0) return "workloads: none\n";
  const rows = items.map(({ metadata, spec, status }) => {
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    const ports = (spec.ports ?? []).map(({ meshPort, port }) => `${meshPort ?? port}`).join(",");
    return [
      `  ${metadata.name}`,
      ready?.status ?? "Unknown",
      metadata.labels?.["version"] ?? "",
      `${spec.address ?? ""}:${ports}`,
      ready?.status === "True" ? "" : (ready?.message ?? ""),
    ];
  });
  return `workloads:\n${formatTable(["  NAME", "READY", "VERSION", "ADDRESS", "WHY NOT"], rows)}`;
}

async function inForce(
  context: CliContext,
  flags: DescribeFlags,
  namespace: string,
  name: string,
): Promise<Effective> {
  return await callControlJson<Effective>(
    context,
    flags,
    `/weft/v1/effective/${namespace}/${name}`,
  );
}

function render(object: ApiObject): string {
  const { apiVersion, kind, metadata, ...rest } = object;
  const { managedFields, ...shown } = metadata;
  void managedFields;
  return yamlText({ kind, apiVersion, ...shown, ...rest });
}

function renderEffective(effective: Effective): string {
  const rows = effective.values.map(({ name, value, origin }) => [
    `  ${name}`,
    value === null ? "off" : Array.isArray(value) ? value.join(", ") : String(value),
    originText(origin),
  ]);
  const lost = effective.conflicted.map(
    (policy) => `  ${policy.kind} ${policy.namespace}/${policy.name} lost to an older one\n`,
  );
  const conflicts = lost.length === 0 ? "" : `conflicted:\n${lost.join("")}`;
  return `in force:\n${formatTable(["  VALUE", "IS", "FROM"], rows)}${conflicts}`;
}

function originText(origin: Origin): string {
  if (origin.kind === "Default") return "default";
  const name = origin.namespace === undefined ? origin.name : `${origin.namespace}/${origin.name}`;
  const at = origin.attachedTo === undefined ? "" : ` (on the ${origin.attachedTo})`;
  return `${origin.kind} ${name ?? ""}${at}`;
}

function renderEvents(items: readonly ApiObject[]): string {
  if (items.length === 0) return "events: none\n";
  const rows = items.map((item) => {
    const event = item as ApiObject & Record<string, unknown>;
    return ["type", "reason", "message"].map((key) =>
      `  ${String(event[key] ?? "")}`.slice(key === "type" ? 0 : 2),
    );
  });
  return `events:\n${formatTable(["  TYPE", "REASON", "MESSAGE"], rows)}`;
}
