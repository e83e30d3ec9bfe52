// `weft check`: is everything as it should be? Each finding names the thing and the fix; exit 1
// when one fails.

import type { Command } from "commander";
import pc from "picocolors";
import { type CliContext, resolveServer } from "../context.ts";
import { type ApiFlags, callControl, callControlJson } from "../control-api.ts";
import { CliFailure } from "../failure.ts";
import { outputOption, serverOption } from "../flags.ts";
import { weftVersion } from "../version.ts";

interface Finding {
  readonly name: string;
  readonly status: "ok" | "warning" | "failed";
  readonly message: string;
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
    .description("check the control plane and the proxies; says what is not protected")
    .addOption(serverOption())
    .addOption(outputOption("json"))
    .action(async (flags: ApiFlags & { output?: string }) => {
      const findings = await examine(context, flags);
      if (flags.output === "json") context.stdout.write(`${JSON.stringify({ items: findings })}\n`);
      else for (const finding of findings) context.stdout.write(`${line(finding)}\n`);
      if (findings.some((finding) => finding.status === "failed")) process.exitCode = 1;
    });
}

async function examine(context: CliContext, flags: ApiFlags): Promise<Finding[]> {
  const server = resolveServer(context, flags.server);
  const findings: Finding[] = [];
  try {
    await callControl(context, flags, "/readyz");
    findings.push({ name: "control plane", status: "ok", message: `ready at ${server}` });
  } catch (error) {
    if (!(error instanceof CliFailure)) throw error;
    const message = `${error.message}. ${error.hint}`;
    return [{ name: "control plane", status: "failed", message }];
  }
  const { items } = await callControlJson<{ items: ProxyRow[] }>(
    context,
    flags,
    "/weft/v1/proxies",
  );
  findings.push(...items.flatMap(proxyFindings));
  if (items.length === 0) {
    findings.push({ name: "proxies", status: "warning", message: "none is connected" });
  }
  findings.push({
    name: "host boundary",
    status: "warning",
    message:
      "without capture a program's own port is open to other processes of its host, and any local process may use a sidecar's outbound port (docs/security.md)",
  });
  return findings;
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

function line(finding: Finding): string {
  const mark = {
    ok: pc.green("ok     "),
    warning: pc.yellow("warning"),
    failed: pc.red("failed "),
  };
  return `${mark[finding.status]} ${finding.name}: ${finding.message}`;
}
