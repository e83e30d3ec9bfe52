// The thread that owns the SQLite file: every statement, and every wait for the disk, happens here,
// so the main thread never blocks on them. One commit message is one transaction and one fsync.

import { type Stats, statSync } from "node:fs";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { openSqliteFile } from "./sqlite-file.ts";
import type { LogRow, WorkerOptions, WorkerReply, WorkerRequest } from "./sqlite-messages.ts";

/** Rows of one message to the main thread: small enough to take in within a few milliseconds. */
const rowsPerMessage = 256;

const options = workerData as WorkerOptions;

function say(reply: WorkerReply): void {
  parentPort?.postMessage(reply);
}

class StoreFile {
  readonly #database: DatabaseSync;
  readonly #identity: Pick<Stats, "ino" | "dev">;
  readonly #insert: StatementSync;

  constructor() {
    this.#database = openSqliteFile(options);
    this.#identity = statSync(options.file);
    this.#insert = this.#database.prepare(
      "INSERT INTO log (revision, key, create_revision, value) VALUES (?, ?, ?, ?)",
    );
  }

  /** Sends everything the main thread keeps in memory. */
  load(): void {
    const compacted = this.#meta("compacted");
    const live = this.#database.prepare(
      `SELECT revision, key, create_revision, value FROM log AS row
       WHERE revision <= ?1 AND value IS NOT NULL AND NOT EXISTS (
         SELECT 1 FROM log AS later
         WHERE later.key = row.key AND later.revision > row.revision AND later.revision <= ?1)
       ORDER BY key`,
    );
    this.#send(live.iterate(compacted), false);
    const history = this.#database.prepare(
      "SELECT revision, key, create_revision, value FROM log WHERE revision > ? ORDER BY revision",
    );
    this.#send(history.iterate(compacted), true);
    say({ type: "opened", revision: this.#revision(), compacted });
  }

  commit(rows: readonly LogRow[]): void {
    this.#transaction(() => {
      for (const row of rows) {
        this.#insert.run(row.revision, row.key, row.createRevision, row.value);
      }
    });
    const lost = this.#lost();
    if (lost !== null) return say({ type: "failed", message: lost, isLasting: true });
    say({ type: "committed" });
  }

  /** Forgets what was replaced at or before `revision`. */
  compact(revision: number): void {
    const newest = this.#revision();
    this.#transaction(() => {
      this.#database
        .prepare(
          `DELETE FROM log WHERE revision <= ?1 AND (value IS NULL OR EXISTS (
             SELECT 1 FROM log AS later WHERE later.key = log.key
             AND later.revision > log.revision AND later.revision <= ?1))`,
        )
        .run(revision);
      const set = this.#database.prepare("UPDATE meta SET value = ? WHERE name = ?");
      set.run(revision, "compacted");
      set.run(newest, "revision");
    });
  }

  /** Whether a write would succeed now, by making one that changes nothing of value. */
  probe(): void {
    const lost = this.#lost();
    if (lost !== null) return say({ type: "writable", reason: lost, isLasting: true });
    try {
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      this.#transaction(() => {
        this.#database.exec("UPDATE meta SET value = 1 - value WHERE name = 'probe'");
      });
      say({ type: "writable", reason: null, isLasting: false });
    } catch (error) {
      say({ type: "writable", reason: reasonOf(error), isLasting: false });
    }
  }

  backup(id: number, file: string): void {
    try {
      // VACUUM INTO reads within one transaction and refuses a file that exists.
      this.#database.prepare("VACUUM INTO ?").run(file);
      say({ type: "backed-up", id, revision: this.#revision(), error: null });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      say({ type: "backed-up", id, revision: 0, error: message });
    }
  }

  close(): void {
    this.#database.close();
  }

  /** Null while the path still names the open file; writes to a deleted file would be lost. */
  #lost(): string | null {
    const now = statSync(options.file, { throwIfNoEntry: false });
    if (now !== undefined && now.ino === this.#identity.ino && now.dev === this.#identity.dev) {
      return null;
    }
    const what = now === undefined ? "was deleted" : "was replaced";
    return (
      `the store file ${options.file} ${what} while in use: objects are served from memory and ` +
      "cannot be changed; take a backup or put the file back, then restart the control plane"
    );
  }

  #transaction(run: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      run();
      this.#database.exec("COMMIT");
    } catch (error) {
      // SQLite has rolled back by itself after a full disk or an I/O error.
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  #send(rows: Iterable<Record<string, unknown>>, isHistory: boolean): void {
    let group: LogRow[] = [];
    for (const row of rows) {
      group.push({
        revision: Number(row["revision"]),
        key: String(row["key"]),
        createRevision: Number(row["create_revision"]),
        value: row["value"] as Uint8Array | null,
      });
      if (group.length < rowsPerMessage) continue;
      say({ type: "rows", rows: group, isHistory });
      group = [];
    }
    if (group.length > 0) say({ type: "rows", rows: group, isHistory });
  }

  #revision(): number {
    const row = this.#database.prepare("SELECT max(revision) AS newest FROM log").get();
    return Math.max(Number(row?.["newest"] ?? 0), this.#meta("revision"));
  }

  #meta(name: string): number {
    return Number(
      this.#database.prepare("SELECT value FROM meta WHERE name = ?").get(name)?.["value"] ?? 0,
    );
  }
}

const SQLITE_FULL = 13;

function reasonOf(error: unknown): string {
  const { errcode, message } = error as { errcode?: number; message: string };
  if (((errcode ?? 0) & 0xff) === SQLITE_FULL) {
    return `the disk that holds ${options.file} is full: free some space; reads go on`;
  }
  return `the store ${options.file} cannot be written (${message}): reads go on from memory`;
}

function attend(file: StoreFile, request: WorkerRequest): void {
  switch (request.type) {
    case "commit":
      try {
        file.commit(request.rows);
      } catch (error) {
        say({ type: "failed", message: reasonOf(error), isLasting: false });
      }
      return;
    case "compact":
      try {
        file.compact(request.revision);
      } catch (error) {
        say({ type: "writable", reason: reasonOf(error), isLasting: false });
      }
      return;
    case "probe":
      return file.probe();
    case "backup":
      return file.backup(request.id, request.file);
    case "close":
      file.close();
      say({ type: "closed" });
      parentPort?.close();
      return;
  }
}

try {
  const file = new StoreFile();
  file.load();
  parentPort?.on("message", (request: WorkerRequest) => attend(file, request));
} catch (error) {
  say({ type: "refused", message: error instanceof Error ? error.message : String(error) });
}
