// `weft request`: one request through the mesh, from a proxy that lives for it, with its
// explanation.

import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import { type CliContext, resolveControl, resolveDataDir, resolveNamespace } from "../context.ts";
import { coloursFor } from "../colours.ts";
import { CliFailure, usageFailure } from "../failure.ts";
import {
  collect,
  controlOption,
  dataDirOption,
  namespaceOption,
  outputOption,
  parseDurationMs,
  parseHostPort,
  parseName,
  tokenFileOption,
} from "../flags.ts";
import { type ProxiedResponse, requestThroughProxy } from "../through-proxy.ts";
import { weftVersion } from "../version.ts";

interface RequestFlags {
  header: string[];
  data?: string;
  as?: string;
  fail?: boolean;
  timeout: number;
  namespace?: string;
  control?: string;
  tokenFile?: string;
  dataDir?: string;
  verbose?: boolean;
  output?: string;
}

interface Explanation {
  readonly requestId: string;
  readonly route: string;
  readonly cluster: string;
  readonly attempts: readonly { endpoint: string; status: number; durationMs: number }[];
  readonly policies: readonly Record<string, string>[];
  readonly configVersion: string;
  readonly flag: string;
}

export function defineRequest(program: Command, context: CliContext): void {
  program
    .command("request")
    .description("send one request through the mesh and explain it")
    .argument("<method-or-url>", "GET when only a URL is given")
    .argument("[url]", "such as http://catalog/items")
    .addOption(
      new Option("-H, --header <name: value>", "a header")
        .argParser(collect(String))
        .default([], "none"),
    )
    .addOption(new Option("-d, --data <body>", "the body; @FILE reads a file, @- standard input"))
    .addOption(new Option("--as <service>", "call as this service account").argParser(parseName))
    .option("--fail", "exit 1 on a status from 400 on")
    .addOption(
      new Option("--timeout <duration>", "longest wait")
        .argParser(parseDurationMs)
        .default(30_000, "30s"),
    )
    .addOption(namespaceOption())
    .addOption(controlOption().argParser(parseHostPort))
    .addOption(tokenFileOption())
    .addOption(dataDirOption())
    .option("-v, --verbose", "print Weft's own log")
    .addOption(outputOption("json"))
    .action(async (first: string, second: string | undefined, flags: RequestFlags) => {
      await send(context, second === undefined ? null : first, second ?? first, flags);
    });
}

async function send(
  context: CliContext,
  method: string | null,
  text: string,
  flags: RequestFlags,
): Promise<void> {
  const url = parseUrl(text);
  const body = readBody(flags.data);
  const { Agent } = await import("@weft/agent");
  const { silentLogger } = await import("@weft/runtime");
  const account = flags.as ?? "weft-request";
  const agent = new Agent({
    runtime: flags.verbose === true ? context.runtime : { ...context.runtime, log: silentLogger },
    dataDir: resolveDataDir(context, flags.dataDir),
    control: resolveControl(context, flags.control),
    tokenFile: flags.tokenFile ?? context.environment["WEFT_TOKEN_FILE"] ?? null,
    namespace: resolveNamespace(context, flags.namespace),
    service: account,
    serviceAccount: account,
    version: "",
    port: null,
    protocol: "http",
    upstreams: [],
    healthPath: null,
    address: "127.0.0.1",
    appAddress: "127.0.0.1",
    nameServers: [],
    concurrency: 1,
    drainMs: 0,
    memoryLimitBytes: 0,
    noWait: false,
    capture: null,
    envoy: null,
    ephemeral: true,
    explain: true,
    labels: {},
    locality: { region: "", zone: "" },
    weight: 100,
    weftVersion: weftVersion(),
  });
  try {
    await agent.start();
    const response = await requestThroughProxy({
      proxyPort: agent.proxy.ports.outbound,
      method: method?.toUpperCase() ?? (body === null ? "GET" : "POST"),
      url,
      headers: [...flags.header.map(parseHeader), ["x-weft-explain", "1"]],
      body,
      timeoutMs: flags.timeout,
    }).catch((error: Error) => {
      throw new CliFailure({
        code: "request-failed",
        message: `${url.href}: ${error.message}`,
        hint: "Add --verbose to see what the proxy logged.",
        cause: error,
      });
    });
    const requestId = response.headers.find(([name]) => name === "x-request-id")?.[1] ?? "";
    const explanation = (await agent.proxy.ask("explain", { requestId })) as Explanation;
    print(context, flags, response, explanation);
    await agent.leave(0);
    if (flags.fail === true && response.status >= 400) process.exitCode = 1;
  } finally {
    await agent.close();
  }
}

function parseUrl(text: string): URL {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) throw usageFailure(`${text} is not a URL`, "Write http://SERVICE/PATH.");
  const url = new URL(full);
  if (url.protocol !== "http:") {
    throw usageFailure(
      `${url.protocol}// is not spoken here`,
      "Write http://: the mesh adds TLS itself.",
    );
  }
  return url;
}

function parseHeader(text: string): [string, string] {
  const at = text.indexOf(":");
  if (at < 1) throw usageFailure(`-H "${text}" is not a header`, "Write it as -H 'name: value'.");
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

function readBody(data: string | undefined): Uint8Array | null {
  if (data === undefined) return null;
  if (!data.startsWith("@")) return Buffer.from(data);
  const file = data.slice(1);
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (error) {
    throw new CliFailure({
      code: "file-unreadable",
      message: `cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      hint: "Check the name after -d @.",
      cause: error,
    });
  }
}

function print(
  context: CliContext,
  flags: RequestFlags,
  response: ProxiedResponse,
  explanation: Explanation,
): void {
  const body = Buffer.from(response.body).toString("utf8");
  const { route, cluster, policies, configVersion, attempts, requestId, flag } = explanation;
  if (flags.output === "json") {
    const headers: Record<string, string> = {};
    for (const [name, value] of response.headers) {
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
    }
    context.stdout.write(
      `${JSON.stringify({
        status: response.status,
        headers,
        body,
        requestId,
        attempts,
        explanation: { route, cluster, policies, configVersion },
      })}\n`,
    );
    return;
  }
  const { dim, green, red } = coloursFor(context, context.stdout);
  const colour = response.status < 400 ? green : red;
  const head = response.headers.map(([name, value]) => `${dim(`${name}:`)} ${value}\n`).join("");
  context.stdout.write(`${colour(`${response.status} ${response.reason}`)}\n${head}\n${body}`);
  if (!body.endsWith("\n")) context.stdout.write("\n");
  const lines = [
    `request   ${requestId}`,
    `route     ${route === "" ? "none" : route}`,
    `cluster   ${cluster === "" ? "none" : cluster}`,
    ...attempts.map(
      (attempt, index) =>
        `attempt ${index + 1} ${attempt.endpoint} ${attempt.status === 0 ? "no response" : attempt.status} in ${attempt.durationMs.toFixed(1)} ms`,
    ),
    ...(flag === "" ? [] : [`flag      ${flag} (docs/reference/response-flags.md)`]),
    ...policies.map((policy) => `policy    ${Object.values(policy).join(" ")}`),
    `config    ${configVersion}`,
  ];
  const told = coloursFor(context, context.stderr).dim(lines.join("\n"));
  context.stderr.write(`${told}\n`);
}
