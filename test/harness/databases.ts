// PostgreSQL and Redis of the system, for tests that run them behind a sidecar: where their
// programs are, a fresh database in a folder of its own, and the command that serves it. PostgreSQL
// refuses to be root, so root runs it as the user its package brings.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { chmod, chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { run } from "./processes.ts";

export const databasesFix = "npm run setup:test installs it";

export interface PostgresPrograms {
  /** Each by its name. */
  program(name: "initdb" | "postgres" | "psql" | "pgbench"): string;
}

/** The newest installed; null without. */
export function findPostgres(): PostgresPrograms | null {
  const root = "/usr/lib/postgresql";
  if (!existsSync(root)) return null;
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  for (const version of versions) {
    const bin = path.join(root, version, "bin");
    const program = (name: string): string => path.join(bin, name);
    const all = ["initdb", "postgres", "psql", "pgbench"].every((name) =>
      existsSync(program(name)),
    );
    if (all) return { program };
  }
  return null;
}

export function hasRedis(): boolean {
  return ["redis-server", "redis-cli", "redis-benchmark"].every(
    (name) => spawnSync(name, ["--version"], { stdio: "ignore" }).status === 0,
  );
}

/** An empty database; answers the command that serves it on loopback. */
export async function makePostgres(
  context: TestContext,
  programs: PostgresPrograms,
  port: number,
): Promise<string[]> {
  const owner = postgresOwner();
  const dir = await mkdtemp(path.join(tmpdir(), "weft-postgres-"));
  context.after(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  await chmod(dir, 0o700);
  if (owner !== null) await chown(dir, owner.uid, owner.gid);
  const as =
    owner === null
      ? []
      : ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups"];
  const data = path.join(dir, "data");
  const made = await runFirst([
    ...as,
    programs.program("initdb"),
    ...["-D", data, "-U", "weft", "--auth=trust", "--no-locale", "-E", "UTF8", "--no-sync"],
  ]);
  if (made.code !== 0) throw new Error(`initdb: ${made.stdout}${made.stderr}`);
  // Nothing here outlives the test: no need to reach the disk.
  const settings = ["fsync=off", "full_page_writes=off", "shared_buffers=16MB"];
  return [
    ...as,
    programs.program("postgres"),
    ...["-D", data, "-h", "127.0.0.1", "-p", String(port), "-k", dir],
    ...settings.flatMap((setting) => ["-c", setting]),
  ];
}

/** The command of a Redis that keeps nothing. */
export async function makeRedis(context: TestContext, port: number): Promise<string[]> {
  const dir = await mkdtemp(path.join(tmpdir(), "weft-redis-"));
  context.after(() => rm(dir, { recursive: true, force: true }));
  const file = path.join(dir, "redis.conf");
  const lines = [`port ${port}`, "bind 127.0.0.1", 'save ""', "appendonly no", `dir ${dir}`];
  await writeFile(file, `${lines.join("\n")}\n`);
  return ["redis-server", file];
}

function runFirst(command: readonly string[]): ReturnType<typeof run> {
  const [program = "", ...args] = command;
  return run(program, args, { cwd: tmpdir() });
}

/** Whom root becomes; null when we are not root. */
function postgresOwner(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string): number =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout.trim());
  return { uid: id("-u"), gid: id("-g") };
}
