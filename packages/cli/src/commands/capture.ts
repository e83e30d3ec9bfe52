// `weft capture …`: the captures of this host's network namespace. A capture normally goes with its
// agent, also when that is killed; what is left all the same is shown and removed here.

import type { CaptureTable } from "@weft/agent";
import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { CliFailure } from "../failure.ts";
import { outputOption } from "../flags.ts";
import { formatTable } from "../table.ts";

interface RemoveFlags {
  all?: boolean;
  output?: string;
}

export function defineCapture(program: Command, context: CliContext): void {
  const parent = program
    .command("capture")
    .description("packet filter rules of --transparent on this host");
  parent
    .command("show", { isDefault: true })
    .description("which captures there are, and whether their agents still run")
    .addOption(outputOption("table", "json"))
    .action(async (flags: { output?: string }) => {
      const items = (await openTables()).list();
      if (flags.output === "json") context.stdout.write(`${JSON.stringify({ items })}\n`);
      else context.stdout.write(items.length === 0 ? "No captures.\n" : tableOf(items));
    });
  parent
    .command("remove")
    .description("remove what agents left that are gone, or the captures named")
    .argument("[table...]", "tables, as `weft capture show` names them")
    .option("--all", "also captures of agents that run: their programs then go without them")
    .addOption(outputOption("json"))
    .action(async (names: string[], flags: RemoveFlags) => {
      const removed = await remove(names, flags.all === true);
      if (flags.output === "json") {
        context.stdout.write(`${JSON.stringify({ items: removed.map((table) => ({ table })) })}\n`);
      } else if (removed.length === 0) context.stdout.write("Nothing to remove.\n");
      else for (const table of removed) context.stdout.write(`${table} removed\n`);
    });
}

async function remove(names: readonly string[], isAll: boolean): Promise<string[]> {
  const tables = await openTables();
  const there = tables.list();
  const missing = names.find((name) => !there.some(({ table }) => table === name));
  if (missing !== undefined) {
    throw new CliFailure({
      code: "capture-missing",
      message: `there is no capture ${missing}`,
      hint: "See the captures of this network namespace with: weft capture show",
    });
  }
  const chosen = there.filter(({ state, table }) =>
    names.length > 0 ? names.includes(table) : isAll || state === "gone",
  );
  for (const one of chosen) {
    const complaint = tables.remove(one);
    if (complaint !== "") throw failed(complaint);
  }
  return chosen.map(({ table }) => table);
}

interface Tables {
  list(): CaptureTable[];
  /** Answers what went wrong, or "". */
  remove(table: CaptureTable): string;
}

async function openTables(): Promise<Tables> {
  const { captureRequirements, findNft, listTables, removeTable } = await import("@weft/agent");
  const nft = findNft();
  if (nft === null) {
    const row = captureRequirements().find(({ isMet }) => !isMet);
    const message = row?.message ?? "the nft program is not installed";
    throw new CliFailure({ code: "capture-unavailable", message, hint: row?.grant ?? "" });
  }
  return {
    list() {
      try {
        return listTables(nft);
      } catch (error) {
        const complaint = error instanceof Error ? error.message : String(error);
        if (/not permitted|permission denied/i.test(complaint)) throw forbidden(complaint);
        throw failed(complaint);
      }
    },
    remove: ({ pid, table }) => removeTable(nft, table, pid),
  };
}

function forbidden(complaint: string): CliFailure {
  return new CliFailure({
    code: "capture-forbidden",
    message: `packet filter rules cannot be read: ${complaint}`,
    hint: "Run it as root, in the network namespace of the agents.",
  });
}

function failed(complaint: string): CliFailure {
  return new CliFailure({
    code: "capture-failed",
    message: `nft refused: ${complaint}`,
    hint: "Run `weft check`; it says what capture needs and how to grant it.",
  });
}

function tableOf(items: readonly CaptureTable[]): string {
  const orDash = (text: string | number): string => (text === "" || text === 0 ? "-" : `${text}`);
  return formatTable(
    ["TABLE", "AGENT", "PID", "CAPTURES", "INBOUND", "OUTBOUND", "DNS", "EXCLUDED"],
    items.map((item) => [
      item.table,
      item.bridgePid === 0 ? item.state : `upgrading, ${item.bridgePid} serves`,
      String(item.pid),
      item.scope,
      item.inboundPorts === "" ? "-" : `${item.inboundPorts} -> ${item.inboundPort}`,
      orDash(item.outboundPort),
      orDash(item.dnsPort),
      orDash([item.excludedPorts, item.excludedRanges].filter((text) => text !== "").join(", ")),
    ]),
  );
}
