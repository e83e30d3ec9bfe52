// `weft up`: a control plane in this terminal; with `--demo`, the shop as well.

import { type Command, Option } from "commander";
import { type CliContext, resolveDataDir } from "../context.ts";
import { dataDirOption, outputOption, parseHostPort } from "../flags.ts";
import { listenForStop } from "../signals.ts";
import { weftVersion } from "../version.ts";

interface UpFlags {
  demo?: boolean;
  dataDir?: string;
  listen: string;
  xds: string;
  store: string;
  restore?: string;
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
      const plane = await openControlPlane({
        runtime: context.runtime,
        dataDir: resolveDataDir(context, flags.dataDir),
        listen: flags.listen,
        xdsListen: flags.xds,
        settings: settingsFromEnvironment(context.environment),
        version: weftVersion(),
        ...(flags.restore === undefined ? {} : { restore: flags.restore }),
      });
      await plane.ready;
      context.stdout.write(
        `weft: API at http://${plane.apiAddress}, agents at ${plane.xdsAddress}\n`,
      );
      await new Promise<void>((resolve) => {
        signals.stop.addEventListener("abort", () => resolve(), { once: true });
      });
      await plane.close();
      signals.release();
    });
}
