// What an agent keeps on disk for one workload, in `<data-dir>/agents/<namespace>/<workload>/`: the
// last good snapshot, the last SVID and the inbound ports, so that it can start, and be found where
// it was, while the control plane is away. The folder also remembers the workload's name: an agent
// that starts again takes the free folder of its service. It stays when the workload ends, or a
// restart during an outage would have nothing.

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { isRunning, markOf, type ProcessMark } from "./process-mark.ts";

export interface FolderOptions {
  readonly dataDir: string;
  readonly namespace: string;
  /** The service, or the service account of a client-only workload. */
  readonly service: string;
  /** What the folder was made for; another program of the same service takes another folder. */
  readonly fingerprint: string;
  /** Five random letters. */
  readonly letters: () => string;
  readonly nowMs: number;
}

export type KeptFile = "snapshot.bin" | "identity.json" | "ports.json" | "names.json";

interface Owner extends ProcessMark {
  readonly fingerprint: string;
}

/** A folder of one service whose owner is gone. */
interface Free {
  readonly dir: string;
  readonly owner: Owner;
  readonly changedMs: number;
}

/** An SVID of usual length is over by then, and without one a snapshot is of no use. */
const keepMs = 24 * 60 * 60_000;
/** Programs that take another port at each start leave a folder each. */
const freeMax = 16;

export class WorkloadFolder {
  readonly workload: string;
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
    this.workload = path.basename(dir);
  }

  /**
   * The folder of an agent that is gone and stood for the same program, or a new one. Errors:
   * EACCES, ENOSPC.
   */
  static claim(options: FolderOptions): WorkloadFolder {
    const parent = path.join(options.dataDir, "agents", options.namespace);
    fs.mkdirSync(parent, { recursive: true, mode: 0o700 });
    const free = freeFolders(parent, options.service);
    const taken = free.find(
      ({ dir, owner }) =>
        owner.fingerprint === options.fingerprint && takeOver(dir, owner, options.fingerprint),
    );
    removeOld(
      free.filter((folder) => folder !== taken),
      options.nowMs,
    );
    return new WorkloadFolder(taken?.dir ?? newFolder(parent, options));
  }

  read(name: KeptFile): Uint8Array | null {
    try {
      return fs.readFileSync(path.join(this.dir, name));
    } catch {
      return null;
    }
  }

  /** Whole or not at all: written beside, then renamed. */
  write(name: KeptFile, bytes: Uint8Array): void {
    const file = path.join(this.dir, name);
    const beside = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
    try {
      fs.writeFileSync(beside, bytes, { mode: 0o600 });
      fs.renameSync(beside, file);
    } catch (error) {
      fs.rmSync(beside, { force: true });
      throw error;
    }
  }
}

const ownerFile = "owner.json";

/** Newest first. */
function freeFolders(parent: string, service: string): Free[] {
  const pattern = new RegExp(`^${service.replaceAll(".", "\\.")}-[a-z]{5}$`);
  const free: Free[] = [];
  for (const name of fs.readdirSync(parent)) {
    if (!pattern.test(name)) continue;
    const dir = path.join(parent, name);
    const owner = readOwner(dir);
    if (owner === null || isRunning(owner)) continue;
    try {
      free.push({ dir, owner, changedMs: fs.statSync(dir).mtimeMs });
    } catch {
      // Removed by another agent that started just now.
    }
  }
  return free.sort((a, b) => b.changedMs - a.changedMs);
}

function newFolder(parent: string, options: FolderOptions): string {
  for (;;) {
    const dir = path.join(parent, `${options.service}-${options.letters()}`);
    try {
      fs.mkdirSync(dir, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw error;
    }
    writeOwner(dir, options.fingerprint);
    return dir;
  }
}

function removeOld(free: readonly Free[], nowMs: number): void {
  for (const [index, { changedMs, dir, owner }] of free.entries()) {
    if (index < freeMax && nowMs - changedMs < keepMs) continue;
    if (lock(dir, owner) !== null) fs.rmSync(dir, { recursive: true, force: true });
  }
}

function readOwner(dir: string): Owner | null {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(path.join(dir, ownerFile), "utf8"));
    const { begun, fingerprint, pid } = value as Partial<Owner>;
    if (typeof pid !== "number" || typeof begun !== "string") return null;
    return typeof fingerprint === "string" ? { pid, begun, fingerprint } : null;
  } catch {
    return null;
  }
}

function writeOwner(dir: string, fingerprint: string): void {
  const owner: Owner = { ...markOf(process.pid), fingerprint };
  fs.writeFileSync(path.join(dir, ownerFile), JSON.stringify(owner), { mode: 0o600 });
}

/** Two agents that start at once must not take the same folder: making the lock succeeds once. */
function takeOver(dir: string, seen: Owner, fingerprint: string): boolean {
  const held = lock(dir, seen);
  if (held === null) return false;
  try {
    writeOwner(dir, fingerprint);
    return true;
  } finally {
    fs.rmSync(held, { recursive: true, force: true });
  }
}

/** The lock's path; null when another process has it, or the folder has another owner by now. */
function lock(dir: string, seen: Owner): string | null {
  const held = path.join(dir, `taken-from-${seen.pid}`);
  try {
    fs.mkdirSync(held);
  } catch {
    return null;
  }
  const owner = readOwner(dir);
  if (owner?.pid === seen.pid && owner.begun === seen.begun) return held;
  fs.rmSync(held, { recursive: true, force: true });
  return null;
}
