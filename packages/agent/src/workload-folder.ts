// What an agent keeps on disk for one workload, in `<data-dir>/agents/<namespace>/<workload>/`: the
// last good snapshot and the last SVID, so that it can start while the control plane is away. The
// folder also remembers the workload's name: an agent that starts again takes the free folder of
// its service.

import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

export interface FolderOptions {
  readonly dataDir: string;
  readonly namespace: string;
  /** The service, or the service account of a client-only workload. */
  readonly service: string;
  /** What the folder was made for; another program of the same service takes another folder. */
  readonly fingerprint: string;
  /** Five random letters. */
  readonly letters: () => string;
}

interface Owner {
  readonly pid: number;
  readonly fingerprint: string;
}

export class WorkloadFolder {
  readonly workload: string;
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.workload = path.basename(dir);
  }

  /**
   * The folder of an agent that is gone and stood for the same program, or a new one. Errors:
   * EACCES, ENOSPC.
   */
  static claim(options: FolderOptions): WorkloadFolder {
    const parent = path.join(options.dataDir, "agents", options.namespace);
    fs.mkdirSync(parent, { recursive: true, mode: 0o700 });
    const pattern = new RegExp(`^${options.service.replaceAll(".", "\\.")}-[a-z]{5}$`);
    for (const name of fs.readdirSync(parent).sort()) {
      if (!pattern.test(name)) continue;
      const dir = path.join(parent, name);
      const owner = readOwner(dir);
      if (owner === null || owner.fingerprint !== options.fingerprint || isAlive(owner.pid))
        continue;
      if (takeOver(dir, owner, options.fingerprint)) return new WorkloadFolder(dir);
    }
    for (;;) {
      const dir = path.join(parent, `${options.service}-${options.letters()}`);
      try {
        fs.mkdirSync(dir, { mode: 0o700 });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
        throw error;
      }
      writeOwner(dir, options.fingerprint);
      return new WorkloadFolder(dir);
    }
  }

  read(name: "snapshot.bin" | "identity.json"): Uint8Array | null {
    try {
      return fs.readFileSync(path.join(this.#dir, name));
    } catch {
      return null;
    }
  }

  /** Whole or not at all: written beside, then renamed. */
  write(name: "snapshot.bin" | "identity.json", bytes: Uint8Array): void {
    const file = path.join(this.#dir, name);
    const beside = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
    try {
      fs.writeFileSync(beside, bytes, { mode: 0o600 });
      fs.renameSync(beside, file);
    } catch (error) {
      fs.rmSync(beside, { force: true });
      throw error;
    }
  }

  /** After a clean end nothing is left to start from. */
  remove(): void {
    fs.rmSync(this.#dir, { recursive: true, force: true });
  }
}

const ownerFile = "owner.json";

function readOwner(dir: string): Owner | null {
  try {
    const value: unknown = JSON.parse(fs.readFileSync(path.join(dir, ownerFile), "utf8"));
    const { pid, fingerprint } = value as Partial<Owner>;
    return typeof pid === "number" && typeof fingerprint === "string" ? { pid, fingerprint } : null;
  } catch {
    return null;
  }
}

function writeOwner(dir: string, fingerprint: string): void {
  const owner: Owner = { pid: process.pid, fingerprint };
  fs.writeFileSync(path.join(dir, ownerFile), JSON.stringify(owner), { mode: 0o600 });
}

/**
 * Two agents that start at once must not take the same folder: the rename of its lock succeeds
 * once.
 */
function takeOver(dir: string, seen: Owner, fingerprint: string): boolean {
  const lock = path.join(dir, `taken-from-${seen.pid}`);
  try {
    fs.mkdirSync(lock);
  } catch {
    return false;
  }
  try {
    const owner = readOwner(dir);
    if (owner === null || owner.pid !== seen.pid) return false;
    writeOwner(dir, fingerprint);
    return true;
  } finally {
    fs.rmSync(lock, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
