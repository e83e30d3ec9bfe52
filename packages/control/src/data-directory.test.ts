import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { findControlPlane, lockDataDirectory, writePrivateFile } from "./data-directory.ts";

const running = {
  pid: 4711,
  apiAddress: "127.0.0.1:7070",
  xdsAddress: "127.0.0.1:7071",
  startedAt: "2026-01-01T00:00:00.000Z",
  version: "0.1.0",
};

describe("data directory", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "weft-dir-"));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  it("serves one control plane at a time and says which", async () => {
    const lock = await lockDataDirectory(dir);
    await lock.announce(running);
    await assert.rejects(lockDataDirectory(dir), {
      code: "data-directory-in-use",
      message: `a control plane already runs on ${dir} (process 4711, API 127.0.0.1:7070)`,
    });
    assert.deepEqual(await findControlPlane(dir), running);
    await lock.release();
    assert.equal(await findControlPlane(dir), null);
    await (await lockDataDirectory(dir)).release();
  });

  it("is free again after its holder was killed", async (context) => {
    const source = `
      const { lockDataDirectory } = await import(process.argv[1]);
      await (await lockDataDirectory(process.argv[2])).announce(${JSON.stringify(running)});
      globalThis.gc();
      process.stdout.write("locked");
      setInterval(() => {}, 1000);`;
    const url = new URL("./data-directory.ts", import.meta.url).href;
    const flags = [
      "--conditions=@weft/source",
      "--expose-gc",
      "--input-type=module",
      "-e",
      source,
      url,
      dir,
    ];
    const child = spawn(process.execPath, flags, { stdio: ["ignore", "pipe", "inherit"] });
    context.after(() => child.kill("SIGKILL"));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    assert.deepEqual(await findControlPlane(dir), running);
    await assert.rejects(lockDataDirectory(dir), { code: "data-directory-in-use" });
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("exit", resolve));
    assert.equal(await findControlPlane(dir), null);
    await (await lockDataDirectory(dir)).release();
  });

  it("replaces private files whole", async () => {
    const path = join(dir, "secret");
    await writePrivateFile(path, "one");
    await writePrivateFile(path, "two");
    assert.equal(await readFile(path, "utf8"), "two");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.endsWith(".new")),
      [],
    );
  });

  it("names the path and the reason when it cannot be used", async () => {
    await writeFile(join(dir, "file"), "");
    for (const path of [join(dir, "file"), join(dir, "file/below")]) {
      await assert.rejects(lockDataDirectory(path), (error: Error & { code: string }) => {
        assert.equal(error.code, "data-directory-unusable");
        assert.match(error.message, /^\/.*file.* cannot be made: .* (is a file|of that name)$/);
        return true;
      });
    }
  });
});
