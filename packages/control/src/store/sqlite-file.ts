// The SQLite file: opening it so that an acknowledged write survives a crash, its schema version
// and migrations, restoring a backup. Runs in the store's worker thread (and, for `restoreSqlite`,
// before one exists).
//
// One table, `log`, holds every write in revision order; what is live is the newest row of each
// key. Compaction deletes rows that a newer one replaced. See https://sqlite.org/wal.html for why
// WAL with synchronous=FULL syncs at every commit.

import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Marks a file as a Weft store ("Weft" in ASCII); anything else is refused. */
const applicationId = 0x57656674;

/** Row n takes a store from schema version n to n + 1. */
export type Migrations = readonly string[];

export const migrations: Migrations = [
  `CREATE TABLE log (
     revision INTEGER PRIMARY KEY,
     key TEXT NOT NULL,
     create_revision INTEGER NOT NULL,
     value BLOB
   );
   CREATE INDEX log_key ON log (key, revision);
   CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
   INSERT INTO meta (name, value) VALUES ('revision', 1), ('compacted', 1), ('probe', 0);`,
];

/** A store that cannot be opened, as one sentence for the user. */
class StoreRefusal extends Error {}

export interface OpenFileOptions {
  readonly file: string;
  readonly migrations: Migrations;
  /** The file may not grow beyond this; 0 for no bound but the disk. */
  readonly bytesMax: number;
}

export function openSqliteFile(options: OpenFileOptions): DatabaseSync {
  const { file } = options;
  createPrivately(file);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file);
    // One control plane per store: the lock is taken with the first read and kept.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    database.exec("PRAGMA foreign_keys = OFF");
    if (options.bytesMax > 0) {
      const pageBytes = pragma(database, "page_size");
      database.exec(`PRAGMA max_page_count = ${Math.floor(options.bytesMax / pageBytes)}`);
    }
    migrate(database, file, options.migrations);
    syncDirectory(dirname(file));
    return database;
  } catch (error) {
    database?.close();
    throw explain(error, file);
  }
}

export interface RestoreOptions {
  /** A file that `backup` wrote. */
  readonly from: string;
  /** Where the store will be; must not exist yet. */
  readonly file: string;
}

/** Checks a backup and puts it in place of a store that is not there yet; all or nothing. */
export function restoreSqlite(options: RestoreOptions): void {
  const { from, file } = options;
  if (existsSync(file)) {
    throw new StoreRefusal(
      `${file} already holds a store: restore into an empty data directory, or move it away first`,
    );
  }
  if (!existsSync(from)) throw new StoreRefusal(`the backup ${from} does not exist`);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const part = `${file}.restoring`;
  rmSync(part, { force: true });
  try {
    copyFileSync(from, part);
    checkWhole(part, from);
    syncFile(part);
    renameSync(part, file);
    syncDirectory(dirname(file));
  } finally {
    rmSync(part, { force: true });
  }
}

function checkWhole(part: string, from: string): void {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(part, { readOnly: true });
    if (pragma(database, "application_id") !== applicationId) {
      throw new StoreRefusal(`${from} is not a backup of a Weft store`);
    }
    const check = database.prepare("PRAGMA integrity_check(1)").get();
    const verdict = String(check?.["integrity_check"]);
    if (verdict !== "ok") throw new StoreRefusal(`the backup ${from} is damaged: ${verdict}`);
  } catch (error) {
    throw explain(error, from);
  } finally {
    database?.close();
  }
}

function migrate(database: DatabaseSync, file: string, steps: Migrations): void {
  const version = pragma(database, "user_version");
  const id = pragma(database, "application_id");
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get();
  const isNew = version === 0 && Number(tables?.["n"]) === 0;
  if (!isNew && id !== applicationId) {
    throw new StoreRefusal(`${file} is not a Weft store: choose another data directory`);
  }
  if (version > steps.length) {
    throw new StoreRefusal(
      `${file} was written by a newer Weft (store version ${version}, this one knows ` +
        `${steps.length}): install that version again, or restore an older backup`,
    );
  }
  if (version === steps.length) return;
  if (!isNew) keepCopy(database, `${file}.v${version}`);
  database.exec("BEGIN EXCLUSIVE");
  try {
    for (const step of steps.slice(version)) database.exec(step);
    database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec(`PRAGMA user_version = ${steps.length}`);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** The store as it was before a migration, beside it. */
function keepCopy(database: DatabaseSync, copy: string): void {
  rmSync(copy, { force: true });
  database.prepare("VACUUM INTO ?").run(copy);
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

/** Objects hold secrets: nobody else may read the file. */
function createPrivately(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
  } catch (error) {
    throw explain(error, file);
  }
}

function syncFile(file: string): void {
  const descriptor = openSync(file, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A new file's name is durable only once its directory is. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

function explain(error: unknown, file: string): StoreRefusal {
  if (error instanceof StoreRefusal) return error;
  const { errcode, code, message } = error as { errcode?: number; code?: string; message: string };
  const primary = (errcode ?? 0) & 0xff;
  const say = (sentence: string): StoreRefusal => new StoreRefusal(sentence, { cause: error });
  if (primary === SQLITE_BUSY) {
    return say(`the store ${file} is in use by another control plane: stop that one first`);
  }
  if (primary === SQLITE_NOTADB || primary === SQLITE_CORRUPT) {
    return say(`${file} is damaged or not a Weft store (${message}): restore a backup`);
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return say(`cannot write ${file} (${code}): give this user access, or use --data-dir`);
  }
  if (code === "ENOTDIR" || code === "EEXIST" || code === "EISDIR") {
    return say(`cannot create ${file} (${code}): a part of that path is not a directory`);
  }
  return say(`cannot open the store ${file}: ${message}`);
}
