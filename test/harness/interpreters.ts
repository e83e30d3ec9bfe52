// Where the programs of other languages and other Node versions are, for tests that run them.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

/** The first of these names on PATH that runs with `args`; null when there is none. */
export function findProgram(names: readonly string[], args: readonly string[]): string | null {
  for (const name of names) {
    if (spawnSync(name, [...args], { stdio: "ignore" }).status === 0) return name;
  }
  return null;
}

/** A Node of the system, not the packaged one, with its major version. */
export function systemNode(): { file: string; major: number; version: string } | null {
  for (const dir of (process.env["PATH"] ?? "").split(path.delimiter)) {
    const file = path.join(dir, "node");
    if (dir.includes("node_modules") || !existsSync(file)) continue;
    const asked = spawnSync(file, ["-p", "process.versions.node"], { encoding: "utf8" });
    const version = asked.stdout.trim();
    const major = Number.parseInt(version, 10);
    if (asked.status === 0 && Number.isInteger(major)) return { file, major, version };
  }
  return null;
}
