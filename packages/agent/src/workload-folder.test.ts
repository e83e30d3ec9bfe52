import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type FolderOptions, WorkloadFolder } from "./workload-folder.ts";

let dataDir = "";
let count = 0;
const nowMs = Date.parse("2030-01-01T00:00:00Z");

beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), "weft-folder-"));
  count = 0;
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

function claim(given: Partial<FolderOptions> = {}): WorkloadFolder {
  return WorkloadFolder.claim({
    dataDir,
    namespace: "shop",
    service: "catalog",
    fingerprint: "v1",
    letters: () => `bcdf${"ghjklmnpqrstvwxz"[count++] ?? "z"}`,
    nowMs,
    ...given,
  });
}

const parent = (): string => path.join(dataDir, "agents/shop");

/** A folder whose owner is gone: no process has such a number. */
function abandoned(name: string, fingerprint: string, changedMs = nowMs): void {
  const dir = path.join(parent(), name);
  mkdirSync(dir, { recursive: true });
  const owner = { pid: 2 ** 30, begun: "", fingerprint };
  writeFileSync(path.join(dir, "owner.json"), JSON.stringify(owner));
  utimesSync(dir, changedMs / 1000, changedMs / 1000);
}

test("two that run have a folder each, private and named after the service", () => {
  const [first, second] = [claim(), claim()];
  assert.deepEqual([first.workload, second.workload], ["catalog-bcdfg", "catalog-bcdfh"]);
  assert.equal(statSync(path.join(parent(), first.workload)).mode & 0o777, 0o700);
});

test("what is written is read again, whole, by its owner alone", () => {
  const folder = claim();
  assert.equal(folder.read("snapshot.bin"), null);
  folder.write("snapshot.bin", Buffer.from("one"));
  folder.write("snapshot.bin", Buffer.from("two"));
  assert.equal(Buffer.from(folder.read("snapshot.bin") ?? []).toString(), "two");
  const dir = path.join(parent(), folder.workload);
  assert.deepEqual(readdirSync(dir).sort(), ["owner.json", "snapshot.bin"]);
  assert.equal(statSync(path.join(dir, "snapshot.bin")).mode & 0o777, 0o600);
});

test("the newest abandoned folder of the same program is taken over, with its files", () => {
  abandoned("catalog-zzzzb", "v1", nowMs - 9_000);
  abandoned("catalog-zzzzc", "v1", nowMs - 1_000);
  abandoned("catalog-zzzzd", "v2");
  abandoned("catalog-db-zzzzz", "v1");
  assert.equal(claim().workload, "catalog-zzzzc");
  assert.equal(claim().workload, "catalog-zzzzb");
  assert.equal(claim().workload, "catalog-bcdfg");
});

test("a folder that is just being taken is left alone", () => {
  abandoned("catalog-zzzzb", "v1");
  mkdirSync(path.join(parent(), `catalog-zzzzb/taken-from-${2 ** 30}`));
  assert.equal(claim().workload, "catalog-bcdfg");
});

test("a process of the same number that began at another time is another process", () => {
  const dir = path.join(parent(), "catalog-zzzzb");
  mkdirSync(dir, { recursive: true });
  const owner = { pid: process.pid, begun: "another boot:1", fingerprint: "v1" };
  writeFileSync(path.join(dir, "owner.json"), JSON.stringify(owner));
  assert.equal(claim().workload, "catalog-zzzzb");
});

test("folders that nobody can start from are removed, and the number of the others is bounded", () => {
  abandoned("catalog-zzzzz", "old", nowMs - 25 * 3_600_000);
  for (const letter of "bcdfghjklmnpqrstvwx") abandoned(`catalog-zzzz${letter}`, "other");
  claim();
  assert.equal(existsSync(path.join(parent(), "catalog-zzzzz")), false);
  assert.equal(readdirSync(parent()).length, 17, "sixteen abandoned ones and our own");
});
