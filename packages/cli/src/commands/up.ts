// `weft up`: a control plane in this terminal; with `--demo`, the shop as well.

import { mkdirSync } from "node:fs";
import path from "node:path";
import type { ControlPlane } from "@weft/control";
import type { Runtime } from "@weft/runtime";
import { type Command, Option } from "commander";
import { type CliContext, resolveDataDir } from "../context.ts";
import { dataDirOption, outputOption, parseHostPort } from "../flags.ts";
import { runtimeWithLogFile } from "../log-file.ts";
import { listenForStop } from "../signals.ts";
import { weftVersion } from "../version.ts";

interface UpFlags {
  demo?: boolean;
  dataDir?: string;
  listen: string;
  xds: string;
  store: string;
  restore?: string;
  output?: string;
}

export function defineUp(program: Command, context: CliContext): void {
  program
    .command("up")
    .description("start a control plane")
    .option("--demo", "run the demo shop in it as well")
    .addOption(dataDirOption())
    .addOption(
      new Option("--listen <host:port>", "API and console")
        .argParser(parseHostPort)
        .default("127.0.0.1:7070"),
    )
    .addOption(
      new Option("--xds <host:port>", "gRPC port of agents and proxies")
        .argParser(parseHostPort)
        .default("127.0.0.1:7071"),
    )
    .addOption(
      new Option("--store <kind>", "where objects are kept").choices(["sqlite"]).default("sqlite"),
    )
    .option("--restore <file>", "start from a backup; the data directory must be empty")
    .addOption(outputOption("json"))
    .action(async (flags: UpFlags) => {
      const { openControlPlane, settingsFromEnvironment } = await import("@weft/control");
      const signals = listenForStop();
      const dataDir = resolveDataDir(context, flags.dataDir);
      const plane = await openControlPlane({
        runtime: flags.demo === true ? demoRuntime(context, dataDir) : context.runtime,
        dataDir,
        listen: flags.listen,
        xdsListen: flags.xds,
        settings: settingsFromEnvironment(context.environment),
        version: weftVersion(),
        ...(flags.restore === undefined ? {} : { restore: flags.restore }),
      });
      await plane.ready;
      announce(context, flags, plane);
      if (flags.demo === true) await demo(context, flags, plane, signals.stop);
      else await untilAborted(signals.stop);
      await plane.close();
      signals.release();
    });
}

/** The demo has the terminal to itself: the control plane's log goes beside the programs'. */
function demoRuntime(context: CliContext, dataDir: string): Runtime {
  const dir = path.join(dataDir, "demo");
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch {
    // An unusable data directory is the control plane's to tell.
    return context.runtime;
  }
  return runtimeWithLogFile(context, path.join(dir, "control-plane.log"));
}

function announce(context: CliContext, flags: UpFlags, plane: ControlPlane): void {
  const { apiAddress, xdsAddress } = plane;
  context.stdout.write(
    flags.output === "json"
      ? `${JSON.stringify({ api: `http://${apiAddress}`, xds: xdsAddress })}\n`
      : `weft: API at http://${apiAddress}, agents at ${xdsAddress}\n`,
  );
}

async function demo(
  context: CliContext,
  flags: UpFlags,
  plane: ControlPlane,
  stop: AbortSignal,
): Promise<void> {
  const { runDemo } = await import("../demo/demo.ts");
  await runDemo({
    context,
    apiUrl: `http://${plane.apiAddress}`,
    control: plane.xdsAddress,
    dataDir: resolveDataDir(context, flags.dataDir),
    stop,
  });
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
