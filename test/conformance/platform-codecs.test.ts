// What peers say is read by our codecs alone: no worker, and only workers read user traffic, loads
// Node's HTTP parsers, llhttp for HTTP/1 and nghttp2 for HTTP/2, whose faults are then not ours
// (H60). That no source file may name them is tidy's business (scripts/tidy.test.ts).

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

test("no worker loads a parser of the platform, whatever it has served (H60)", async (context) => {
  const dir = mkdtempSync(path.join(tmpdir(), "weft-loaded-"));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...["--conditions=@weft/source", "--disable-warning=ExperimentalWarning"],
      ...["--import", beside("loaded-modules.fixture.ts")],
      beside("platform-codecs.fixture.ts"),
    ],
    { timeout: 60_000, env: { ...process.env, WEFT_LOADED_MODULES: dir } },
  );
  assert.match(stdout, /^\[200\]$/m);
  const threads = readdirSync(dir).filter((name) => !name.endsWith(".new"));
  assert.equal(threads.length, 4);
  for (const thread of threads) {
    const modules = JSON.parse(readFileSync(path.join(dir, thread), "utf8")) as string[];
    assert.ok(modules.includes("Internal Binding tcp_wrap"), "sockets are in the list");
    const parsers = modules.filter((name) => /http_parser|http2/.test(name));
    assert.deepEqual(parsers, [], `thread ${thread}`);
  }
});
