// A cgroup (version 2) for one program: the sockets its processes make are known by it to nft's
// `socket cgroupv2`. It is made below the agent's own, so that whoever limits or ends the agent's
// cgroup means the program as well. cgroups(7), Documentation/admin-guide/cgroup-v2.rst.

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readlinkSync, rmdirSync } from "node:fs";
import { release } from "node:os";
import path from "node:path";

export interface ProgramCgroup {
  readonly folder: string;
  /** As nft names it: below /sys/fs/cgroup. */
  readonly path: string;
  /** Depth in the hierarchy, the root being 0. */
  readonly level: number;
}

/** nft(8) looks for cgroups here. */
const nftRoot = "/sys/fs/cgroup";

/** Where a cgroup of that name would stand; a sentence when there can be none. */
export function placeCgroup(name: string): ProgramCgroup | string {
  const own = /^0::(\/.*)$/m.exec(readText("/proc/self/cgroup"))?.[1];
  const place = own === undefined ? null : placeOf(own, readText("/proc/self/mountinfo"), name);
  if (place === null) return "no cgroup version 2 hierarchy is mounted below /sys/fs/cgroup";
  if (isInNamespace() && !countsFromNamespace(release())) {
    return "inside a cgroup namespace it takes Linux 6.12";
  }
  return place;
}

/** Pure: `own` is this process's cgroup, `mounts` the text of /proc/self/mountinfo (proc(5)). */
export function placeOf(own: string, mounts: string, name: string): ProgramCgroup | null {
  if (own.startsWith("/..")) return null;
  for (const line of mounts.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root = "", point = ""] = before.split(" ");
    if (!after.startsWith("cgroup2 ")) continue;
    const base = root === "/" ? "" : root;
    const isBelow = point === nftRoot || point.startsWith(`${nftRoot}/`);
    if (!isBelow || (own !== base && !own.startsWith(`${base}/`))) continue;
    const folder = path.join(point, own.slice(base.length), name);
    const level = own.split("/").filter((part) => part !== "").length + 1;
    return { folder, path: path.relative(nftRoot, folder), level };
  }
  return null;
}

/** Makes it and tries it with a process of its own; a sentence when that fails. */
export function makeCgroup(place: ProgramCgroup): string | null {
  try {
    mkdirSync(place.folder, { recursive: true });
  } catch (error) {
    return `${place.folder} cannot be made (${(error as NodeJS.ErrnoException).code ?? ""})`;
  }
  const [shell = "", ...args] = enterCommand(place, ["true"]);
  const { status } = spawnSync(shell, args, { stdio: "ignore" });
  if (status === 0) return null;
  removeCgroup(place);
  return `no process may move into ${place.folder}`;
}

/** The command that enters the cgroup first: sockets belong to the cgroup they were made in. */
export function enterCommand(place: ProgramCgroup, command: readonly string[]): string[] {
  const script = 'echo 0 >"$1/cgroup.procs" || exit 126; shift; exec "$@"';
  return ["/bin/sh", "-c", script, "weft-enter", place.folder, ...command];
}

export function removeCgroup(place: ProgramCgroup): void {
  try {
    rmdirSync(place.folder);
  } catch {
    // Something still runs in it, or it is gone: the next start or `weft capture remove` looks.
  }
}

/** Of the first one, which has this number in every kernel. */
const firstNamespace = "4026531835";

function isInNamespace(): boolean {
  try {
    return !readlinkSync("/proc/self/ns/cgroup").includes(firstNamespace);
  } catch {
    return false;
  }
}

/** From then on nft's level counts from the namespace's root, as /proc/self/cgroup does. */
export function countsFromNamespace(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 12);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
