// A whole mesh of real processes for a test: `weft up` in a folder of its own on free ports, `weft
// run` beside it.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { freePort } from "@weft/runtime";
import { eventually, type Finished, run, type Started, start } from "./processes.ts";

export const root: string = path.resolve(import.meta.dirname, "../..");
export const weftBin: string = path.join(root, "node_modules/.bin/weft");
/** The packaged Node, whatever Node runs the tests. */
export const nodeBin: string = process.execPath;

export interface MeshOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly upFlags?: readonly string[];
}

export interface WorkloadOptions {
  readonly service: string;
  /** Null: client-only. */
  readonly port: number | null;
  readonly version?: string;
  readonly flags?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface RunningWorkload extends Started {
  readonly outboundPort: () => Promise<number>;
}

export class Mesh {
  readonly dir: string;
  readonly apiPort: number;
  readonly xdsPort: number;
  readonly #context: TestContext;
  readonly #options: MeshOptions;
  readonly #workloads: Started[] = [];
  control: Started | null = null;

  private constructor(
    context: TestContext,
    dir: string,
    ports: [number, number],
    options: MeshOptions,
  ) {
    this.#context = context;
    this.dir = dir;
    [this.apiPort, this.xdsPort] = ports;
    this.#options = options;
  }

  static async open(context: TestContext, options: MeshOptions = {}): Promise<Mesh> {
    const dir = mkdtempSync(path.join(tmpdir(), "weft-test-"));
    const mesh = new Mesh(context, dir, [await freePort(), await freePort()], options);
    context.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    await mesh.up();
    return mesh;
  }

  get server(): string {
    return `http://127.0.0.1:${this.apiPort}`;
  }

  get environment(): Record<string, string> {
    const own: Record<string, string> = {
      WEFT_DATA_DIR: path.join(this.dir, "data"),
      WEFT_SERVER: this.server,
      WEFT_CONTROL: `127.0.0.1:${this.xdsPort}`,
      HOME: process.env["HOME"] ?? this.dir,
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    };
    return { ...own, ...this.#options.environment };
  }

  /** Starts the control plane (again) and waits until it is ready. */
  async up(): Promise<Started> {
    const { upFlags = [] } = this.#options;
    const args = [
      "up",
      "--listen",
      `127.0.0.1:${this.apiPort}`,
      "--xds",
      `127.0.0.1:${this.xdsPort}`,
    ];
    this.control = start(this.#context, weftBin, [...args, ...upFlags], { env: this.environment });
    const { control } = this;
    await eventually("the control plane is ready", async () => {
      if (control.child.exitCode !== null) throw new Error(control.output());
      const answer = await fetch(`${this.server}/readyz`);
      return answer.ok ? true : null;
    }).catch((error: unknown) => {
      throw new Error(`weft up failed:\n${control.output()}`, { cause: error });
    });
    return control;
  }

  /** `weft ARGS…` against this mesh. */
  async weft(...args: string[]): Promise<Finished> {
    return await run(weftBin, args, { env: this.environment });
  }

  /** Like `weft`, with text on standard input. */
  async weftWith(input: string, ...args: string[]): Promise<Finished> {
    return await run(weftBin, args, { env: this.environment, input });
  }

  /** `weft … -o json`, parsed; rejects when the command failed. */
  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.weft(...args, "-o", "json");
    if (code !== 0) throw new Error(`weft ${args.join(" ")}: exit ${code}\n${stdout}${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async apply(yaml: string): Promise<void> {
    const { code, stderr, stdout } = await this.weftWith(yaml, "apply", "-f", "-");
    if (code !== 0) throw new Error(`weft apply: exit ${code}\n${stdout}${stderr}`);
  }

  /** Starts `weft run`; resolves when the agent has registered. */
  async run(options: WorkloadOptions): Promise<RunningWorkload> {
    const args = ["run", "--service", options.service];
    if (options.port !== null) args.push("--port", String(options.port));
    if (options.version !== undefined) args.push("--version", options.version);
    args.push(...(options.flags ?? []));
    if (options.command !== undefined) args.push("--", ...options.command);
    const workload = start(this.#context, weftBin, args, {
      env: { ...this.environment, ...options.environment },
    });
    this.#workloads.push(workload);
    const registered = await workload.printed(/registered.* workload=(\S+)/);
    const name = registered[1] ?? "";
    const outboundPort = async (): Promise<number> =>
      await eventually("the workload's status names its outbound port", async () => {
        const [namespace, workloadName = ""] = name.split("/");
        const list = await this.json<{
          items: { status?: { proxy?: { outboundPort?: number } } }[];
        }>("get", "workload", workloadName, "-n", namespace ?? "default");
        return list.items[0]?.status?.proxy?.outboundPort ?? null;
      });
    return { ...workload, outboundPort };
  }

  /** Waits until so many workloads of the service are Ready. */
  async ready(service: string, count: number, timeoutMs = 30_000): Promise<void> {
    await eventually(
      `${count} workloads of ${service} are ready`,
      async () => {
        const list = await this.json<{
          items: {
            metadata: { labels?: Record<string, string> };
            status?: { conditions?: { type: string; status: string }[] };
          }[];
        }>("get", "workloads", "-A");
        const ready = list.items.filter(
          (item) =>
            item.metadata.labels?.["weft.dev/service"] === service &&
            item.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ===
              true,
        );
        return ready.length >= count ? true : null;
      },
      timeoutMs,
      200,
    ).catch((error: unknown) => {
      const said = this.#workloads.map((workload) => workload.output());
      throw new Error(`${String(error)}\n${said.join("---\n")}`, { cause: error });
    });
  }
}
