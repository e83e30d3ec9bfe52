// `weft apply -f`: makes objects as the files say, by server-side apply. Every object is checked by
// the server before the first one is written.

import { isDeepStrictEqual } from "node:util";
import { ApiError, type ApiClient, type ApiObject } from "@weft/api";
import { type Command, Option } from "commander";
import { type CliContext, resolveNamespace } from "../context.ts";
import { collect, namespaceOption, outputOption, serverOption } from "../flags.ts";
import { type Manifest, readManifests } from "../manifests.ts";
import { nameOf, openClient, refusal, told } from "../objects.ts";

interface ApplyFlags {
  filename: string[];
  namespace?: string;
  server?: string;
  forceConflicts?: boolean;
  dryRun?: boolean;
  output?: string;
}

export function defineApply(program: Command, context: CliContext): void {
  program
    .command("apply")
    .description("make objects as files say: create what is missing, change what differs")
    .addOption(filenameOption())
    .addOption(namespaceOption())
    .option("--force-conflicts", "take over fields that other managers own")
    .option("--dry-run", "ask the server, write nothing")
    .addOption(serverOption())
    .addOption(outputOption("json"))
    .action(async (flags: ApplyFlags) => {
      const manifests = readManifests(flags.filename, resolveNamespace(context, flags.namespace));
      const client = openClient(context, flags);
      await checkAll(client, manifests, flags.forceConflicts === true);
      const applied: ApiObject[] = [];
      for (const manifest of manifests) {
        const { object, outcome } = await applyOne(client, manifest, flags);
        applied.push(object);
        if (flags.output !== "json") {
          const suffix = flags.dryRun === true ? " (dry run)" : "";
          context.stdout.write(`${nameOf(manifest.info, object)} ${outcome}${suffix}\n`);
        }
      }
      if (flags.output === "json") {
        const list = { apiVersion: "v1", kind: "List", metadata: {}, items: applied };
        context.stdout.write(`${JSON.stringify(list)}\n`);
      }
    });
}

export const filenameOption = (): Option =>
  new Option("-f, --filename <file>", "a file, a folder, or - for standard input (repeatable)")
    .argParser(collect(String))
    .default([], "none")
    .makeOptionMandatory();

/** A dry run of everything; objects in Namespaces that come with them cannot be tried before. */
async function checkAll(
  client: ApiClient,
  manifests: readonly Manifest[],
  force: boolean,
): Promise<void> {
  const coming = new Set(
    manifests
      .filter(({ info }) => info.kind === "Namespace")
      .map(({ object }) => object.metadata.name),
  );
  for (const manifest of manifests) {
    try {
      await patch(client, manifest, { dryRun: true, force });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const isTooEarly = error.code === 404 && coming.has(manifest.object.metadata.namespace ?? "");
      if (!isTooEarly) throw refusal(manifest.from, error);
    }
  }
}

/** Server-side apply of one object, as the command line's field manager. */
export async function patch(
  client: ApiClient,
  { info, object }: Manifest,
  options: { dryRun: boolean; force: boolean },
): Promise<ApiObject> {
  const namespace = info.namespaced ? (object.metadata.namespace ?? null) : null;
  return await client.patch(info, namespace, object.metadata.name, "apply", object, {
    ...options,
    fieldValidation: "Strict",
  });
}

async function applyOne(
  client: ApiClient,
  manifest: Manifest,
  flags: ApplyFlags,
): Promise<{ object: ApiObject; outcome: string }> {
  const before = await current(client, manifest);
  const object = await told(manifest.from, () =>
    patch(client, manifest, {
      dryRun: flags.dryRun === true,
      force: flags.forceConflicts === true,
    }),
  );
  if (before === null) return { object, outcome: "created" };
  return { object, outcome: isUnchanged(before, object) ? "unchanged" : "configured" };
}

/** The control plane writes statuses at any time, also between our reading and our writing. */
export function isUnchanged(before: ApiObject, after: ApiObject): boolean {
  return isDeepStrictEqual(written(before), written(after));
}

/** An object without what the server alone writes. */
function written(object: ApiObject): unknown {
  const { status: _status, metadata, ...rest } = object as ApiObject & { status?: unknown };
  const { resourceVersion: _version, managedFields: _fields, ...kept } = metadata;
  return { ...rest, metadata: kept };
}

/** What stands there now, or null. */
export async function current(client: ApiClient, manifest: Manifest): Promise<ApiObject | null> {
  const { info, object } = manifest;
  const namespace = info.namespaced ? (object.metadata.namespace ?? null) : null;
  try {
    return await client.get(info, namespace, object.metadata.name);
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return null;
    if (error instanceof ApiError) throw refusal(manifest.from, error);
    throw error;
  }
}
