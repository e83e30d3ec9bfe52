// The data directory: made 0700, its secret files 0600 and replaced whole, used by one control
// plane at a time. The lock is a file lock that SQLite holds, so it ends with the process however
// that ends.

import { chmod, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MeshError } from "./errors.ts";

/** What other commands may know about a running control plane (`weft down`, `weft up`). */
export interface RunningControlPlane {
  readonly pid: number;
  readonly apiAddress: string;
  readonly xdsAddress: string;
  readonly startedAt: string;
  readonly version: string;
}

export interface DataDirectoryLock {
  /** Says in the directory who runs here; withdrawn by `release`. */
  announce(running: RunningControlPlane): Promise<void>;
  release(): Promise<void>;
}

/** Locks held by this process: an unreachable database would be closed by the garbage collector. */
const heldLocks = new Set<DatabaseSync>();

const lockFile = "control-plane.lock";
const announcementFile = "control-plane.json";

/** Makes the directory if needed and takes it for this control plane. */
export async function lockDataDirectory(dir: string): Promise<DataDirectoryLock> {
  await makePrivateDirectory(dir);
  const lock = takeLock(dir);
  if (lock === null) throw await inUse(dir);
  heldLocks.add(lock);
  return {
    announce: (running) =>
      writePrivateFile(join(dir, announcementFile), `${JSON.stringify(running, null, 2)}\n`),
    async release() {
      await rm(join(dir, announcementFile), { force: true });
      heldLocks.delete(lock);
      lock.close();
    },
  };
}

/** The control plane that runs on the directory now, or null. */
export async function findControlPlane(dir: string): Promise<RunningControlPlane | null> {
  const announced = await readAnnouncement(dir);
  if (announced === null) return null;
  const lock = takeLock(dir);
  if (lock === null) return announced;
  // Nobody holds the lock: the announcement was left by a process that was killed.
  lock.close();
  return null;
}

export async function makePrivateDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw directoryError("made", dir, cause);
  }
}

/** Replaces a file whole (write, sync, rename), readable by its owner only. */
export async function writePrivateFile(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  try {
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw directoryError("written", path, cause);
  }
}

/** The file's text, or null when there is none. `secret`: also takes away others' right to read. */
export async function readOwnFile(
  path: string,
  options: { secret?: boolean } = {},
): Promise<string | null> {
  try {
    const text = await readFile(path, "utf8");
    if (options.secret === true) await chmod(path, 0o600);
    return text;
  } catch (cause) {
    if (reasonCode(cause) === "ENOENT") return null;
    throw directoryError("read", path, cause);
  }
}

/** One sentence that names the path, the reason and the fix. */
export function directoryError(
  action: "made" | "read" | "written",
  path: string,
  cause: unknown,
): MeshError {
  const reasons: Readonly<Record<string, string>> = {
    EACCES: "permission denied",
    EPERM: "permission denied",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    ENOTDIR: "part of the path is a file",
    EEXIST: "there is a file of that name",
    EISDIR: "it is a directory",
  };
  const code = reasonCode(cause);
  const reason = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new MeshError("data-directory-unusable", `${path} cannot be ${action}: ${reason}`, {
    cause,
  });
}

function reasonCode(cause: unknown): string {
  return (cause as { code?: string } | null)?.code ?? "";
}

/** An open exclusive transaction that never writes: the kernel drops its lock with the process. */
function takeLock(dir: string): DatabaseSync | null {
  const path = join(dir, lockFile);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path);
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return database;
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: number }).errcode === 5) return null;
    throw directoryError("written", path, cause);
  }
}

async function readAnnouncement(dir: string): Promise<RunningControlPlane | null> {
  const text = await readOwnFile(join(dir, announcementFile));
  if (text === null) return null;
  try {
    return JSON.parse(text) as RunningControlPlane;
  } catch {
    return null;
  }
}

async function inUse(dir: string): Promise<MeshError> {
  const other = await readAnnouncement(dir);
  const who = other === null ? "" : ` (process ${other.pid}, API ${other.apiAddress})`;
  return new MeshError("data-directory-in-use", `a control plane already runs on ${dir}${who}`);
}
