// Store and certificate authority at one revision, in one file: a gzip stream (whose own checksum
// finds damage) of a line of JSON and the store's file after it. It holds the CA's keys.

import { createHash } from "node:crypto";
import { access, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { Runtime } from "@weft/runtime";
import { type Authority, type AuthorityBackup, restoreAuthority } from "./ca/authority.ts";
import { makePrivateDirectory, writePrivateFile } from "./data-directory.ts";
import { MeshError } from "./errors.ts";
import type { FileStore } from "./store/store.ts";

export interface BackupOptions {
  readonly runtime: Runtime;
  readonly dataDir: string;
  readonly store: Pick<FileStore, "backup">;
  readonly authority: Pick<Authority, "backup" | "trustDomain">;
  readonly version: string;
}

interface Head {
  readonly format: "weft-backup-1";
  readonly version: string;
  readonly createdAt: string;
  readonly trustDomain: string;
  readonly revision: number;
  readonly storeSha256: string;
  readonly authority: AuthorityBackup;
}

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Where the store of a data directory lies. */
export function storePath(dataDir: string): string {
  return join(dataDir, "store.db");
}

export async function makeBackup(options: BackupOptions): Promise<Buffer> {
  const { runtime, dataDir, store, authority } = options;
  const letters = Buffer.from(runtime.random.bytes(8)).toString("hex");
  const copy = join(dataDir, `backup-${letters}.db`);
  try {
    const kept = await authority.backup();
    const revision = await store.backup(copy);
    const bytes = await readFile(copy);
    const head: Head = {
      format: "weft-backup-1",
      version: options.version,
      createdAt: new Date(runtime.clock.nowMs()).toISOString(),
      trustDomain: authority.trustDomain,
      revision,
      storeSha256: sha256(bytes),
      authority: kept,
    };
    return await compress(Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), bytes]));
  } finally {
    await rm(copy, { force: true });
  }
}

/** Fills a data directory that holds neither store nor authority; nothing is written otherwise. */
export async function restoreBackup(file: string, dataDir: string): Promise<{ revision: number }> {
  const { head, store } = await readBackup(file);
  const path = storePath(dataDir);
  for (const existing of [path, join(dataDir, "ca")]) {
    if (await exists(existing)) {
      throw new MeshError("restore-not-empty", `${existing} exists: nothing was restored`);
    }
  }
  await makePrivateDirectory(dataDir);
  try {
    await writePrivateFile(path, store);
    await restoreAuthority(dataDir, head.authority);
  } catch (error) {
    await rm(path, { force: true });
    await rm(join(dataDir, "ca"), { recursive: true, force: true });
    throw error;
  }
  return { revision: head.revision };
}

async function readBackup(file: string): Promise<{ head: Head; store: Buffer }> {
  const damaged = (why: string, cause?: unknown): MeshError =>
    new MeshError("backup-damaged", `${file} cannot be restored: ${why}`, { cause });
  let packed: Buffer;
  try {
    packed = await readFile(file);
  } catch (cause) {
    throw damaged(`it cannot be read (${(cause as NodeJS.ErrnoException).code ?? "?"})`, cause);
  }
  let bytes: Buffer;
  try {
    bytes = await decompress(packed);
  } catch (cause) {
    throw damaged("it is no Weft backup, or it is cut short", cause);
  }
  const end = bytes.indexOf(10);
  const head = parseHead(bytes.subarray(0, Math.max(end, 0)).toString());
  if (head === null) throw damaged("it is no Weft backup of a version known here");
  const store = bytes.subarray(end + 1);
  if (sha256(store) !== head.storeSha256) throw damaged("its checksum does not fit");
  return { head, store };
}

function parseHead(text: string): Head | null {
  try {
    const head = JSON.parse(text) as Partial<Head>;
    return head.format === "weft-backup-1" ? (head as Head) : null;
  } catch {
    return null;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
