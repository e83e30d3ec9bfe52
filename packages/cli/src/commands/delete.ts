// `weft delete KIND NAME…` and `weft delete -f`.

import { ApiError, type KindInfo } from "@weft/api";
import { type Command, Option } from "commander";
import { type CliContext, resolveNamespace } from "../context.ts";
import { usageFailure } from "../failure.ts";
import { collect, namespaceOption, outputOption, serverOption } from "../flags.ts";
import { readManifests } from "../manifests.ts";
import { nameOf, openClient, refusal, resolveKinds } from "../objects.ts";

interface DeleteFlags {
  filename: string[];
  namespace?: string;
  server?: string;
  ignoreNotFound?: boolean;
  output?: string;
}

interface Victim {
  readonly info: KindInfo;
  readonly namespace: string | null;
  readonly name: string;
}

export function defineDelete(program: Command, context: CliContext): void {
  program
    .command("delete")
    .description("delete objects by name, or those in files")
    .argument("[kind]")
    .argument("[names...]")
    .addOption(
      new Option("-f, --filename <file>", "a file, a folder, or - (repeatable)")
        .argParser(collect(String))
        .default([], "none"),
    )
    .addOption(namespaceOption())
    .option("--ignore-not-found", "an object that is gone already is no failure")
    .addOption(serverOption())
    .addOption(outputOption("json"))
    .action(async (kind: string | undefined, names: string[], flags: DeleteFlags) => {
      const client = openClient(context, flags);
      const deleted: string[] = [];
      for (const victim of choose(context, kind, names, flags)) {
        const shown = nameOf(victim.info, { metadata: { name: victim.name } });
        try {
          await client.delete(victim.info, victim.namespace, victim.name);
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          if (error.code === 404 && flags.ignoreNotFound === true) continue;
          throw refusal(shown, error);
        }
        deleted.push(shown);
        if (flags.output !== "json") context.stdout.write(`${shown} deleted\n`);
      }
      if (flags.output === "json") context.stdout.write(`${JSON.stringify({ deleted })}\n`);
    });
}

function choose(
  context: CliContext,
  kind: string | undefined,
  names: readonly string[],
  flags: DeleteFlags,
): Victim[] {
  const namespace = resolveNamespace(context, flags.namespace);
  if (flags.filename.length > 0) {
    return readManifests(flags.filename, namespace)
      .reverse()
      .map(({ info, object }) => ({
        info,
        namespace: info.namespaced ? (object.metadata.namespace ?? namespace) : null,
        name: object.metadata.name,
      }));
  }
  // `weft delete service/catalog` as well as `weft delete service catalog`.
  const [word, inline] = kind?.split("/") ?? [];
  const all = inline === undefined ? names : [inline, ...names];
  if (word === undefined || all.length === 0) {
    throw usageFailure(
      "name a kind and objects, or -f",
      "For example: weft delete httproute catalog",
    );
  }
  return resolveKinds(word).flatMap((info) =>
    all.map((name) => ({ info, name, namespace: info.namespaced ? namespace : null })),
  );
}
