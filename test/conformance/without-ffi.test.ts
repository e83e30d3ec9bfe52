// Where Node has no FFI (24, or switched off) one worker listens by itself; when it dies, the
// next one takes its ports again. Connections made in between are refused: that is what FFI is
// for.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./without-ffi.fixture.ts", import.meta.url));

test("without FFI one worker serves, and its successor takes the same port", () => {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      "--no-experimental-ffi",
      "--conditions=@weft/source",
      "--disable-warning=ExperimentalWarning",
      program,
    ],
    { encoding: "utf8", cwd: import.meta.dirname, timeout: 30_000 },
  );
  assert.equal(stdout.trim(), JSON.stringify({ before: 503, after: 503, workers: 1 }), stderr);
});
