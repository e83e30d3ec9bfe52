// Hosts that are not there: network namespaces on a bridge, made by a test and gone with it. What
// an earlier test left when it was killed is removed first: its name holds its process's number.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import type { TestContext } from "node:test";
import { type Finished, run, type Started, start } from "./processes.ts";

const prefix = "weft-test-";

/** A namespace with an address of each family on the bridge. */
export class Host {
  readonly v4: string;
  readonly v6: string;
  readonly #name: string;
  readonly #context: TestContext;

  constructor(context: TestContext, name: string, number: number) {
    this.#context = context;
    this.#name = name;
    this.v4 = `10.77.0.${number}`;
    this.v6 = `fd77::${number}`;
  }

  start(command: string, args: readonly string[], env: Record<string, string> = {}): Started {
    return start(this.#context, "nsenter", [...this.#enter(), command, ...args], {
      env: environment(env),
    });
  }

  run(
    command: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Finished> {
    return run("nsenter", [...this.#enter(), command, ...args], { env: environment(env) });
  }

  /** GET by curl; rejects without an answer. */
  async get<T>(url: string): Promise<T> {
    const { code, stderr, stdout } = await this.run("curl", ["-gsS", "-m", "10", url]);
    if (code !== 0) throw new Error(`curl ${url}: exit ${code} ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Only the network is another: cgroups and files are those of this machine. */
  #enter(): string[] {
    return [`--net=/run/netns/${this.#name}`];
  }
}

function environment(own: Record<string, string>): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "/usr/bin:/bin", HOME: process.env["HOME"] ?? "/", ...own };
}

/** Why there can be no namespaces here; null when there can. */
export function namespaceProblem(): string | null {
  if (process.platform !== "linux") return "network namespaces need Linux";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  for (const command of [
    ["ip", "-V"],
    ["nsenter", "-V"],
    ["unshare", "-n", "true"],
  ]) {
    const [name = "", ...args] = command;
    if (spawnSync(name, args, { stdio: "ignore" }).status !== 0) {
      return `\`${command.join(" ")}\` does not work`;
    }
  }
  return null;
}

/** The first host carries the bridge and is everybody's way out; the others hang on it. */
export function openHosts(context: TestContext, count: number): Host[] {
  removeOld();
  const names = Array.from({ length: count }, (_, i) => `${prefix}${process.pid}-${i}`);
  context.after(() => {
    for (const name of names) spawnSync("ip", ["netns", "del", name], { stdio: "ignore" });
  });
  const [hub = ""] = names;
  for (const [i, name] of names.entries()) {
    ip("netns", "add", name);
    ip("-n", name, "link", "set", "lo", "up");
    const device = i === 0 ? "br0" : "eth0";
    if (i === 0) ip("-n", hub, "link", "add", "br0", "type", "bridge");
    else {
      ip(
        "link",
        "add",
        "eth0",
        "netns",
        name,
        "type",
        "veth",
        "peer",
        "name",
        `h${i}`,
        "netns",
        hub,
      );
      ip("-n", hub, "link", "set", `h${i}`, "master", "br0", "up");
    }
    ip("-n", name, "link", "set", device, "up");
    ip("-n", name, "addr", "add", `10.77.0.${i + 1}/24`, "dev", device);
    ip("-n", name, "-6", "addr", "add", `fd77::${i + 1}/64`, "dev", device, "nodad");
    if (i === 0) continue;
    ip("-n", name, "route", "add", "default", "via", "10.77.0.1");
    ip("-n", name, "-6", "route", "add", "default", "via", "fd77::1");
  }
  return names.map((name, i) => new Host(context, name, i + 1));
}

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
}

function removeOld(): void {
  for (const name of folder("/run/netns")) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !folder("/proc").includes(pid)) {
      spawnSync("ip", ["netns", "del", name], { stdio: "ignore" });
    }
  }
}

function folder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
