// `weft token …`: join tokens for agents on other hosts.

import { type Command, Option } from "commander";
import type { CliContext } from "../context.ts";
import { type ApiFlags, callControl, callControlJson } from "../control-api.ts";
import {
  collect,
  dataDirOption,
  outputOption,
  parseDurationMs,
  parseName,
  serverOption,
} from "../flags.ts";
import { formatTable } from "../table.ts";

interface CreateFlags extends ApiFlags {
  namespace: string[];
  serviceAccount: string[];
  ttl?: number;
  create?: boolean;
  output?: string;
}

interface TokenRow {
  readonly id: string;
  readonly namespaces?: readonly string[];
  readonly serviceAccounts?: readonly string[];
  readonly create?: boolean;
  readonly expiresAt?: string | null;
}

export function defineToken(program: Command, context: CliContext): void {
  const parent = program.command("token").description("join tokens for agents");
  parent
    .command("create")
    .description("make a token and print it")
    .addOption(
      new Option("--namespace <name>", "only for this namespace (repeatable)")
        .argParser(collect(parseName))
        .default([], "all"),
    )
    .addOption(
      new Option("--service-account <name>", "only for this account (repeatable)")
        .argParser(collect(parseName))
        .default([], "all"),
    )
    .addOption(new Option("--ttl <duration>", "how long it can be used").argParser(parseDurationMs))
    .option("--create", "its bearer may create Services, accounts and namespaces that are missing")
    .addOption(serverOption())
    .addOption(dataDirOption())
    .addOption(outputOption("json"))
    .action(async (flags: CreateFlags) => await create(context, flags));
  parent
    .command("list")
    .description("tokens that exist (never their secrets)")
    .addOption(serverOption())
    .addOption(dataDirOption())
    .addOption(outputOption("table", "json"))
    .action(async (flags: ApiFlags & { output?: string }) => await list(context, flags));
  parent
    .command("revoke")
    .description("make a token useless; workloads that joined with it stay")
    .argument("<id>")
    .addOption(serverOption())
    .addOption(dataDirOption())
    .addOption(outputOption("json"))
    .action(async (id: string, flags: ApiFlags & { output?: string }) => {
      const target = `/weft/v1/tokens/${encodeURIComponent(id)}`;
      await callControl(context, flags, target, { method: "DELETE", asOperator: true });
      context.stdout.write(
        flags.output === "json" ? `{"id":${JSON.stringify(id)}}\n` : `token ${id} revoked\n`,
      );
    });
}

async function create(context: CliContext, flags: CreateFlags): Promise<void> {
  const made = await callControlJson<{ token: string }>(context, flags, "/weft/v1/tokens", {
    method: "POST",
    asOperator: true,
    body: {
      namespaces: flags.namespace,
      serviceAccounts: flags.serviceAccount,
      create: flags.create === true,
      ...(flags.ttl === undefined ? {} : { ttlSeconds: Math.ceil(flags.ttl / 1000) }),
    },
  });
  const text = flags.output === "json" ? JSON.stringify(made) : made.token;
  context.stdout.write(`${text}\n`);
}

async function list(context: CliContext, flags: ApiFlags & { output?: string }): Promise<void> {
  const call = { asOperator: true } as const;
  const answer = await callControlJson<{ items: TokenRow[] }>(
    context,
    flags,
    "/weft/v1/tokens",
    call,
  );
  if (flags.output === "json") {
    context.stdout.write(`${JSON.stringify(answer)}\n`);
    return;
  }
  context.stdout.write(
    formatTable(
      ["ID", "NAMESPACES", "ACCOUNTS", "CREATE", "EXPIRES"],
      answer.items.map((row) => [
        row.id,
        names(row.namespaces),
        names(row.serviceAccounts),
        row.create === true ? "yes" : "no",
        row.expiresAt ?? "never",
      ]),
    ),
  );
}

function names(list: readonly string[] | undefined): string {
  return list === undefined || list.length === 0 ? "all" : list.join(",");
}
