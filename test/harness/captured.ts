// Transparent capture on hosts of a test's own: the control plane on the first, programs that know
// nothing of it on the others, and what the kernel holds of it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { nodeBin, root, weftBin } from "./mesh.ts";
import { type Host, namespaceProblem } from "./namespaces.ts";
import { hasPart } from "./parts.ts";
import { eventually, type Started } from "./processes.ts";

export const neighbour: string = path.join(root, "test/harness/programs/neighbour.mjs");

export interface Who {
  readonly name: string;
  readonly remote: string;
  readonly isProxied: boolean;
  readonly identity: string;
  readonly uid: number;
}

export interface Called {
  readonly status: number;
  readonly body: Who & { readonly error?: string };
}

export interface Captures {
  readonly items: {
    readonly table: string;
    readonly pid: number;
    readonly state: string;
    readonly bridgePid: number;
    readonly rules: string;
  }[];
}

/** Whether hosts and rules can be made here; skips the test otherwise. */
export function canCapture(context: TestContext): boolean {
  const problem = namespaceProblem();
  const fix = `${problem ?? ""}; run as root with iproute2 and util-linux (npm run setup:test)`;
  if (!hasPart(context, "netns", problem === null, fix)) return false;
  const hasNft = spawnSync("nft", ["--version"], { stdio: "ignore" }).status === 0;
  return hasPart(context, "nft", hasNft, "install nftables (npm run setup:test)");
}

/** A mesh of hosts: its control plane on the first host. */
export class Captured {
  readonly hub: Host;
  readonly dir: string;

  private constructor(context: TestContext, hub: Host) {
    this.hub = hub;
    this.dir = mkdtempSync(path.join(tmpdir(), "weft-capture-"));
    context.after(() => rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 }));
  }

  static async open(context: TestContext, hub: Host): Promise<Captured> {
    const mesh = new Captured(context, hub);
    const env = { WEFT_DATA_DIR: path.join(mesh.dir, "control") };
    const addresses = ["--listen", "127.0.0.1:7070", "--xds", `${hub.v4}:7071`];
    await hub.start(weftBin, ["up", ...addresses], env).printed(/agents at/);
    const { code, stderr, stdout } = await hub.run(weftBin, ["token", "create", "--create"], env);
    assert.equal(code, 0, stderr);
    writeFileSync(path.join(mesh.dir, "token"), stdout);
    return mesh;
  }

  async outbound(policy: "AllowAny" | "RegistryOnly"): Promise<void> {
    const file = path.join(this.dir, "mesh-config.yaml");
    const head = "apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: { name: default }\n";
    writeFileSync(file, `${head}spec: { outbound: ${policy} }\n`);
    const { code, stderr } = await this.hub.run(weftBin, ["apply", "-f", file]);
    assert.equal(code, 0, stderr);
  }

  /** Of another host: it has the token, and not the control plane's files. */
  environment(name: string): Record<string, string> {
    return {
      WEFT_CONTROL: `${this.hub.v4}:7071`,
      WEFT_TOKEN_FILE: path.join(this.dir, "token"),
      WEFT_DATA_DIR: path.join(this.dir, name),
    };
  }

  async sidecar(host: Host, service: string, flags: readonly string[]): Promise<Started> {
    const args = ["sidecar", "--transparent", "--service", service, ...flags];
    const started = host.start(weftBin, args, this.environment(service));
    await started.printed(/capture is on/);
    return started;
  }

  /** The program runs when this resolves. */
  async run(host: Host, service: string, flags: readonly string[]): Promise<Started> {
    const args = ["run", "--transparent", "--service", service, ...flags];
    const environment = { ...this.environment(service), NAME: service };
    const started = host.start(weftBin, [...args, "--", nodeBin, neighbour], environment);
    await started.printed(/the program is ready|listens on/);
    return started;
  }
}

export async function captures(host: Host): Promise<Captures["items"]> {
  const { code, stderr, stdout } = await host.run(weftBin, ["capture", "show", "-o", "json"]);
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as Captures).items;
}

/** What stands in the kernel: tables, and rules of routing beside those of every host. */
export async function traces(host: Host): Promise<string[]> {
  const tables = await host.run("nft", ["list", "tables"]);
  assert.equal(tables.code, 0, tables.stderr);
  const own: string[] = [];
  for (const family of ["-4", "-6"]) {
    const rules = await host.run("ip", [family, "rule", "list"]);
    assert.equal(rules.code, 0, rules.stderr);
    own.push(...rules.stdout.split("\n").filter((line) => line.includes("ipproto tcp")));
  }
  return [...tables.stdout.split("\n"), ...own].filter((line) => line !== "");
}

/** What the program at `base` gets when it calls `url`. */
export async function call(from: Host, base: string, url: string): Promise<Called> {
  return await from.get<Called>(`${base}/call?url=${encodeURIComponent(url)}`);
}

/** Until an answer is 200: names and endpoints reach a sidecar some moments after they exist. */
export async function called(from: Host, base: string, url: string): Promise<Who> {
  return await eventually(`${url} answers`, async () => {
    const { body, status } = await call(from, base, url);
    if (status === 200) return body;
    throw new Error(`${status} ${JSON.stringify(body)}`);
  });
}

export function identityOf(account: string): string {
  return `spiffe://weft.local/ns/default/sa/${account}`;
}
