// The SQLite store against the store contract, and what only a disk brings: restarts, crashes, full
// and lost files, migrations, backups.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { after, describe, it } from "node:test";
import { silentLogger, systemRuntime } from "@weft/runtime";
import { storeContract } from "./contract.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite.ts";
import { migrations, restoreSqlite } from "./sqlite-file.ts";
import type { FileStore, WatchEvent } from "./store.ts";

const directory = mkdtempSync(join(tmpdir(), "weft-store-"));
after(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
const newFile = (): string => join(directory, `store-${++files}.db`);
const runtime = systemRuntime({ log: silentLogger });
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function open(file: string, options: Partial<SqliteStoreOptions> = {}): Promise<FileStore> {
  return openSqliteStore({ runtime, file, ...options });
}

storeContract("sqlite store", (history) => open(newFile(), { history }));

describe("sqlite store: a restart", () => {
  it("finds objects, revisions and recent history again", async () => {
    const file = newFile();
    let store = await open(file);
    const a = await store.create("k/a", bytes("1"));
    await store.create("k/b", bytes("1"));
    await store.update("k/a", bytes("2"), a.modRevision);
    await store.delete("k/b");
    const revision = store.revision();
    await store.close();

    store = await open(file);
    assert.equal(store.revision(), revision);
    assert.equal((await store.get("k/a"))?.createRevision, a.createRevision);
    assert.equal(await store.get("k/b"), null);
    const events: WatchEvent[] = [];
    store.watch(
      { prefix: "k/", fromRevision: a.modRevision },
      { onEvent: (event) => events.push(event), onEnd: () => {} },
    );
    const next = await store.create("k/c", bytes("3"));
    assert.equal(next.modRevision, revision + 1);
    assert.deepEqual(
      events.map((event) => event.type),
      ["put", "put", "delete", "put"],
    );
    await store.close();
  });

  it("keeps live objects and forgets replaced ones when the file is compacted", async () => {
    const file = newFile();
    const history = { eventsMax: 10, bytesMax: 1 << 20 };
    let store = await open(file, { history });
    await store.create("k/kept", bytes("kept"));
    let object = await store.create("k/busy", bytes("0"));
    for (let i = 1; i <= 1100; i++) {
      const writes = [store.update("k/busy", bytes(String(i)), object.modRevision)];
      object = (await Promise.all(writes))[0] ?? object;
    }
    await store.create("k/gone", bytes("x"));
    await store.delete("k/gone");
    const revision = store.revision();
    await store.close();
    const database = new DatabaseSync(file);
    const rows = Number(database.prepare("SELECT count(*) AS n FROM log").get()?.["n"]);
    database.close();
    assert.ok(rows < 200, `${rows} rows are left in the file`);

    store = await open(file, { history });
    assert.equal(store.revision(), revision);
    assert.deepEqual(
      (await store.list({ prefix: "" })).items.map((item) => item.key),
      ["k/busy", "k/kept"],
    );
    await assert.rejects(store.list({ prefix: "", revision: 3 }), { code: "compacted" });
    await store.close();
  });
});

describe("sqlite store: kill -9", () => {
  it("loses no acknowledged write", async () => {
    const file = newFile();
    let checked = 0;
    for (let round = 0; round < 6; round++) {
      const child = startWriter(file, round);
      const acknowledged = await acknowledgedUntilKilled(child, 40 + round * 37);
      const store = await open(file);
      for (const [key, value] of acknowledged) {
        const object = await store.get(key);
        assert.equal(object && new TextDecoder().decode(object.value), value, `${key} is missing`);
      }
      checked += acknowledged.size;
      await store.close();
    }
    assert.ok(checked >= 6 * 40, `only ${checked} acknowledged writes were checked`);
  });
});

function startWriter(file: string, round: number): ChildProcess {
  const program = new URL("./sqlite-writer.fixture.ts", import.meta.url).pathname;
  return spawn(process.execPath, ["--conditions=@weft/source", program, file, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Reads `key value .` lines; kills the writer in the midst of its work after `count` of them. */
async function acknowledgedUntilKilled(
  child: ChildProcess,
  count: number,
): Promise<Map<string, string>> {
  const acknowledged = new Map<string, string>();
  const ended = once(child, "exit");
  assert.ok(child.stdout);
  for await (const line of createInterface({ input: child.stdout })) {
    const [key, value, end] = line.split(" ");
    if (end !== ".") continue;
    acknowledged.set(String(key), String(value));
    if (acknowledged.size === count) child.kill("SIGKILL");
  }
  const [, signal] = await ended;
  assert.equal(signal, "SIGKILL", "the writer ended by itself");
  return acknowledged;
}

describe("sqlite store: trouble", () => {
  it("becomes read-only when the disk is full, keeps reading, and recovers", async () => {
    const file = newFile();
    const store = await open(file, { bytesMax: 256 * 1024 });
    const written: string[] = [];
    await assert.rejects(
      (async () => {
        for (let i = 0; i < 100; i++) {
          await store.create(`k/${i}`, new Uint8Array(16 * 1024));
          written.push(`k/${i}`);
        }
      })(),
      { code: "unavailable", message: /disk that holds .* is full/ },
    );
    assert.match(store.readOnlyReason() ?? "", /is full/);
    assert.ok(written.length > 5);
    const list = await store.list({ prefix: "k/" });
    assert.equal(list.items.length, written.length);
    await assert.rejects(store.delete("k/0"), { code: "unavailable" });
    await store.close();

    const again = await open(file);
    assert.equal((await again.list({ prefix: "k/" })).items.length, written.length);
    assert.equal(again.readOnlyReason(), null);
    const made = await again.create("k/more", bytes("x"));
    assert.equal(made.modRevision, again.revision());
    await again.close();
  });

  it("acknowledges nothing once its file is deleted, and reads on from memory", async () => {
    const file = newFile();
    const store = await open(file);
    await store.create("k/a", bytes("1"));
    renameSync(file, `${file}.moved`);
    await assert.rejects(store.create("k/b", bytes("1")), {
      code: "unavailable",
      message: /was deleted while in use/,
    });
    assert.equal(await store.get("k/b"), null);
    assert.notEqual(await store.get("k/a"), null);
    assert.match(store.readOnlyReason() ?? "", /was deleted/);
    await store.close();
  });

  it("refuses what it cannot use, each with a sentence that names the file", async () => {
    const rubbish = newFile();
    writeFileSync(rubbish, "not a database, but long enough to have a header".repeat(10));
    await assert.rejects(open(rubbish), { code: "unavailable", message: /not a Weft store/ });

    const foreign = newFile();
    const database = new DatabaseSync(foreign);
    database.exec("CREATE TABLE theirs (x)");
    database.close();
    await assert.rejects(open(foreign), { message: new RegExp(`${foreign} is not a Weft store`) });

    const below = join(rubbish, "store.db");
    await assert.rejects(open(below), { message: /is not a directory/ });
  });

  it("refuses a second control plane on the same file", async () => {
    const file = newFile();
    const store = await open(file);
    await assert.rejects(open(file), { message: /in use by another control plane/ });
    await store.create("k/a", bytes("still works"));
    await store.close();
  });

  it("keeps secrets from other users", async () => {
    const file = newFile();
    const store = await open(file);
    await store.create("k/a", bytes("1"));
    assert.equal(statSync(file).mode & 0o077, 0);
    assert.equal(statSync(`${file}-wal`).mode & 0o077, 0);
    await store.close();
  });
});

describe("sqlite store: schema versions", () => {
  const newer = [...migrations, "ALTER TABLE log ADD COLUMN note TEXT"];

  it("migrates and keeps a copy of what was", async () => {
    const file = newFile();
    let store = await open(file);
    await store.create("k/a", bytes("1"));
    await store.close();
    store = await open(file, { migrations: newer });
    assert.notEqual(await store.get("k/a"), null);
    await store.close();
    assert.ok(readdirSync(directory).includes(`${file.split("/").at(-1)}.v1`));
    const copy = await open(`${file}.v1`);
    assert.notEqual(await copy.get("k/a"), null);
    await copy.close();
  });

  it("refuses a store that a newer version wrote", async () => {
    const file = newFile();
    await (await open(file, { migrations: newer })).close();
    await assert.rejects(open(file), { message: /written by a newer Weft \(store version 2/ });
  });

  it("leaves the store as it was when a migration fails", async () => {
    const file = newFile();
    const store = await open(file);
    await store.create("k/a", bytes("1"));
    await store.close();
    const broken = [...migrations, "ALTER TABLE log ADD COLUMN note TEXT; SELECT nonsense"];
    await assert.rejects(open(file, { migrations: broken }), { code: "unavailable" });
    const again = await open(file);
    assert.notEqual(await again.get("k/a"), null);
    await again.close();
  });
});

describe("sqlite store: backups", () => {
  it("copies one revision while writes go on, and restores it", async () => {
    const store = await open(newFile());
    for (let i = 0; i < 50; i++) await store.create(`k/${i}`, bytes(String(i)));
    const writing = Promise.all(
      Array.from({ length: 200 }, (_, i) => store.create(`l/${i}`, bytes(String(i)))),
    );
    const backup = newFile();
    const revision = await store.backup(backup);
    await writing;
    await assert.rejects(store.backup(backup), { message: /backup failed/ });
    await store.close();

    const file = newFile();
    restoreSqlite({ from: backup, file });
    const restored = await open(file);
    assert.equal(restored.revision(), revision);
    const items = (await restored.list({ prefix: "" })).items;
    assert.ok(items.length >= 50);
    assert.equal(Math.max(...items.map((item) => item.modRevision)), revision);
    await restored.close();
    assert.throws(() => restoreSqlite({ from: backup, file }), /already holds a store/);
  });

  it("refuses a file that is no backup, leaving nothing behind", () => {
    const from = newFile();
    writeFileSync(from, "rubbish".repeat(100));
    const file = newFile();
    assert.throws(() => restoreSqlite({ from, file }), /not a Weft store/);
    assert.throws(() => restoreSqlite({ from: `${from}.none`, file }), /does not exist/);
    assert.deepEqual(
      readdirSync(directory).filter((name) => file.endsWith(name.replace(".restoring", ""))),
      [],
    );
  });
});
