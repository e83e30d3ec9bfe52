// `weft check`: is everything as it should be? Each finding names the thing and the fix; exit 1
// when one fails.

import type { CaptureTable } from "@weft/agent";
import { kinds, type Workload } from "@weft/api";
import type { Command } from "commander";
import { type Colours, coloursFor } from "../colours.ts";
import { type CliContext, resolveServer } from "../context.ts";
import { type ApiFlags, callControl, callControlJson } from "../control-api.ts";
import { CliFailure } from "../failure.ts";
import { outputOption, serverOption } from "../flags.ts";
import { openClient, told } from "../objects.ts";
import { weftVersion } from "../version.ts";

interface Finding {
  readonly name: string;
  readonly status: "ok" | "warning" | "failed";
  readonly message: string;
}

interface ControlStatus {
  readonly version: string;
  readonly readOnlyReason: string | null;
}

interface ProxyRow {
  readonly proxy: string;
  readonly version: string;
  readonly sync: string;
  readonly nacks: readonly { readonly message: string }[];
}

export function defineCheck(program: Command, context: CliContext): void {
  program
    .command("check")
    .description(
      "check the control plane, the proxies and what capture needs; says what is not protected",
    )
    .addOption(serverOption())
    .addOption(outputOption("json"))
    .action(async (flags: ApiFlags & { output?: string }) => {
      const findings = await examine(context, flags);
      if (flags.output === "json") context.stdout.write(`${JSON.stringify({ items: findings })}\n`);
      else {
        const colours = coloursFor(context, context.stdout);
        for (const finding of findings) context.stdout.write(`${line(finding, colours)}\n`);
      }
      if (findings.some((finding) => finding.status === "failed")) process.exitCode = 1;
    });
}

async function examine(context: CliContext, flags: ApiFlags): Promise<Finding[]> {
  return [...(await meshFindings(context, flags)), ...(await captureFindings())];
}

/** What this host lacks for `--transparent`, and how to grant it. */
async function captureFindings(): Promise<Finding[]> {
  const { captureRequirements, findNft, listTables } = await import("@weft/agent");
  const found = captureRequirements().map(
    (row): Finding => ({
      name: `capture (${row.name})`,
      status: row.isMet ? "ok" : "warning",
      message: row.isMet ? row.message : `${row.message}. ${row.grant}`,
    }),
  );
  const nft = findNft();
  // Without the right to look, the row about rights has said so.
  const mayLook = found.every(({ name, status }) => name !== "capture (rights)" || status === "ok");
  if (nft !== null && mayLook) found.push(...listTables(nft).map(captureFinding));
  return found;
}

/** A capture in force on this host, and whose it is. */
function captureFinding({ bridgePid, pid, state, table }: CaptureTable): Finding {
  const name = `capture ${table}`;
  if (state === "gone") {
    const message = `was left by agent ${pid}, which is gone. Remove it with: weft capture remove`;
    return { name, status: "warning", message };
  }
  if (bridgePid !== 0) {
    const message = `agent ${pid} is being upgraded; ${bridgePid} serves until it is back`;
    return { name, status: "ok", message };
  }
  const where = state === "elsewhere" ? "is of another process namespace" : "runs";
  return { name, status: "ok", message: `agent ${pid} ${where}` };
}

async function meshFindings(context: CliContext, flags: ApiFlags): Promise<Finding[]> {
  const server = resolveServer(context, flags.server);
  try {
    await callControl(context, flags, "/readyz");
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    const message = `${error.message}. ${error.hint}`;
    return [{ name: "control plane", status: "failed", message }];
  }
  const ask = async <T>(path: string): Promise<T> =>
    await callControlJson<T>(context, flags, `/weft/v1/${path}`);
  const { items } = await ask<{ items: ProxyRow[] }>("proxies");
  const findings = controlFindings(server, await ask<ControlStatus>("status"));
  if (items.length === 0) {
    findings.push({ name: "proxies", status: "warning", message: "none is connected" });
  }
  findings.push(...items.flatMap(proxyFindings));
  findings.push(...(await workloadFindings(context, flags)));
  findings.push({
    name: "host boundary",
    status: "warning",
    message:
      "without capture (--transparent) a program's own port is open to other processes of its host, and any local process may use a sidecar's outbound port (docs/security.md)",
  });
  return findings;
}

function controlFindings(server: string, status: ControlStatus): Finding[] {
  const name = "control plane";
  const findings: Finding[] = [
    { name, status: "ok", message: `ready at ${server}, version ${status.version}` },
  ];
  if (status.readOnlyReason !== null) {
    const message = `takes no writes: ${status.readOnlyReason}`;
    findings.push({ name, status: "failed", message });
  }
  const apart = Math.abs(minor(status.version) - minor(weftVersion()));
  if (apart > 1) {
    const message = `version ${status.version}, this command is ${weftVersion()}; one minor version apart is supported`;
    findings.push({ name, status: "failed", message });
  }
  return findings;
}

/** Workloads that no caller gets to see. */
async function workloadFindings(context: CliContext, flags: ApiFlags): Promise<Finding[]> {
  const list = await told("", () => openClient(context, flags).list(kinds.Workload, {}));
  return (list.items as unknown as Workload[]).flatMap(({ metadata, status }) => {
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    if (ready === undefined || ready.status === "True") return [];
    const name = `workload ${metadata.namespace ?? ""}/${metadata.name}`;
    return [{ name, status: "warning", message: `is not ready: ${ready.message ?? ""}` } as const];
  });
}

function proxyFindings(row: ProxyRow): Finding[] {
  const name = `proxy ${row.proxy}`;
  const own = minor(weftVersion());
  const apart = Math.abs(minor(row.version) - own);
  const findings: Finding[] = row.nacks.map((nack) => ({
    name,
    status: "failed",
    message: `refuses its configuration: ${nack.message}`,
  }));
  if (apart > 1) {
    findings.push({
      name,
      status: "failed",
      message: `version ${row.version} is ${apart} minor versions away from ${weftVersion()}; one is supported`,
    });
  }
  if (row.sync === "waiting") {
    findings.push({
      name,
      status: "warning",
      message: "has not applied the newest configuration yet",
    });
  }
  if (findings.length === 0) findings.push({ name, status: "ok", message: "runs what it should" });
  return findings;
}

function minor(version: string): number {
  const [major = "0", second = "0"] = version.split(".");
  return Number(major) * 1000 + Number(second);
}

function line(finding: Finding, { green, red, yellow }: Colours): string {
  const mark = { ok: green("ok     "), warning: yellow("warning"), failed: red("failed ") };
  return `${mark[finding.status]} ${finding.name}: ${finding.message}`;
}
