// kubectl as tests run it: a real binary with a configuration and a home of its own against one
// server.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { hasPart } from "./parts.ts";
import { type Finished, run, type Started, start } from "./processes.ts";

const cache = path.resolve(import.meta.dirname, "../../.cache");

export class Kubectl {
  readonly #binary: string;
  readonly #context: TestContext;
  readonly dir: string;

  constructor(binary: string, context: TestContext, server: string) {
    this.#binary = binary;
    this.#context = context;
    this.dir = mkdtempSync(path.join(tmpdir(), "weft-kubectl-"));
    context.after(() => rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 }));
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "weft", cluster: { server } }],
      users: [{ name: "weft", user: {} }],
      contexts: [{ name: "weft", context: { cluster: "weft", user: "weft" } }],
      "current-context": "weft",
    };
    mkdirSync(path.join(this.dir, "home"));
    writeFileSync(path.join(this.dir, "config"), JSON.stringify(config));
  }

  get environment(): Record<string, string> {
    return {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: path.join(this.dir, "home"),
      KUBECONFIG: path.join(this.dir, "config"),
    };
  }

  /** Runs to its end, whatever the outcome. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const { input, environment = {} } = options;
    return await run(this.#binary, args, {
      env: { ...this.environment, ...environment },
      ...(input === undefined ? {} : { input }),
    });
  }

  /** What it prints; rejects when it fails. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: exit ${code}\n${stdout}${stderr}`);
    return stdout + stderr;
  }

  /** What it says on standard error; rejects when it does not fail. */
  async fails(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code === 0) throw new Error(`kubectl ${args.join(" ")} succeeded\n${stdout}`);
    return stderr;
  }

  /** The objects of a `-o json` answer. */
  async json(args: readonly string[]): Promise<Record<string, unknown>> {
    const { code, stdout, stderr } = await this.run([...args, "-o", "json"]);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: exit ${code}\n${stderr}`);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  /** Goes on until the test ends. */
  start(args: readonly string[]): Started {
    return start(this.#context, this.#binary, args, { env: this.environment });
  }
}

export interface RunOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Null (and the test is skipped, or fails where required) when there is none of 1.30 or later. */
export async function openKubectl(context: TestContext, server: string): Promise<Kubectl | null> {
  const fix = "npm run setup:test builds one";
  const binary = await findCurrent();
  if (!hasPart(context, "kubectl", binary !== null, fix) || binary === null) return null;
  return new Kubectl(binary, context, server);
}

/** kubectl 1.20, for what older clients need. */
export function openOldKubectl(context: TestContext, server: string): Kubectl | null {
  const binary = path.join(cache, "kubectl-old/usr/bin/kubectl");
  const fix = "npm run setup:test unpacks Debian's kubernetes-client";
  return hasPart(context, "kubectl-old", existsSync(binary), fix)
    ? new Kubectl(binary, context, server)
    : null;
}

async function findCurrent(): Promise<string | null> {
  for (const binary of ["kubectl", path.join(cache, "kubectl/kubectl")]) {
    try {
      const { stdout } = await run(binary, ["version", "--client", "-o", "json"]);
      const [, minor = "0"] = /"gitVersion": "v1\.(\d+)/.exec(stdout) ?? [];
      if (Number(minor) >= 30) return binary;
    } catch {
      // Not on PATH, or not a program: try the next.
    }
  }
  return null;
}
