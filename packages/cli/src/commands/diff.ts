// `weft diff -f`: what `weft apply -f` would change, asked of the server. Exit 1 when something
// would.

import type { ApiObject } from "@weft/api";
import type { Command } from "commander";
import { createTwoFilesPatch } from "diff";
import { type CliContext, resolveNamespace } from "../context.ts";
import { namespaceOption, outputOption, serverOption } from "../flags.ts";
import { readManifests } from "../manifests.ts";
import { nameOf, openClient, told } from "../objects.ts";
import { yamlText } from "../yaml-text.ts";
import { current, filenameOption, patch } from "./apply.ts";

interface DiffFlags {
  filename: string[];
  namespace?: string;
  server?: string;
  output?: string;
}

export function defineDiff(program: Command, context: CliContext): void {
  program
    .command("diff")
    .description("what apply would change; exit 1 when something would")
    .addOption(filenameOption())
    .addOption(namespaceOption())
    .addOption(serverOption())
    .addOption(outputOption("json"))
    .action(async (flags: DiffFlags) => {
      const client = openClient(context, flags);
      const items: { object: string; diff: string }[] = [];
      for (const manifest of readManifests(
        flags.filename,
        resolveNamespace(context, flags.namespace),
      )) {
        const before = await current(client, manifest);
        const after = await told(manifest.from, () =>
          patch(client, manifest, { dryRun: true, force: true }),
        );
        const name = nameOf(manifest.info, manifest.object);
        const [was, willBe] = [before === null ? "" : readable(before), readable(after)];
        if (was === willBe) continue;
        items.push({
          object: name,
          diff: createTwoFilesPatch(`live/${name}`, `new/${name}`, was, willBe),
        });
      }
      if (flags.output === "json") context.stdout.write(`${JSON.stringify({ items })}\n`);
      else for (const item of items) context.stdout.write(item.diff);
      if (items.length > 0) process.exitCode = 1;
    });
}

/** YAML without what the server alone writes. */
function readable(object: ApiObject): string {
  const { managedFields, resourceVersion, uid, creationTimestamp, generation, ...metadata } =
    object.metadata;
  void [managedFields, resourceVersion, uid, creationTimestamp, generation];
  const { status, ...rest } = object;
  void status;
  return yamlText({ ...rest, metadata }, { sorted: true });
}
