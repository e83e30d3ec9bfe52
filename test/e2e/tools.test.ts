// The long-running tools start and answer: a moment of fuzzing, a moment of the benchmark.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { nodeBin, root } from "../harness/mesh.ts";
import { hasPart } from "../harness/parts.ts";
import { run } from "../harness/processes.ts";

const source = ["--conditions=@weft/source", "--disable-warning=ExperimentalWarning"];

test("npm run fuzz: every fuzz file for some hundred inputs", { timeout: 120_000 }, async () => {
  const { code, stdout, stderr } = await run(
    nodeBin,
    [...source, "scripts/fuzz.ts", "--steps", "300", "--seed", "7"],
    { cwd: root, timeoutMs: 110_000 },
  );
  assert.equal(code, 0, stdout + stderr);
  for (const name of ["request-parser", "response-parser", "chunked"]) {
    assert.match(stdout, new RegExp(name));
  }
});

test("npm run bench: Weft carries a fixed rate in both scenarios", {
  timeout: 180_000,
}, async (context) => {
  const programs = ["/usr/sbin/nginx", "/usr/bin/h2load"];
  const fix = "npm run setup:test installs nginx and h2load";
  if (!hasPart(context, "nginx", programs.every(existsSync), fix)) return;
  const { code, stdout, stderr } = await run(
    nodeBin,
    [
      ...[...source, "bench/compare.ts", "--only", "weft", "--rounds", "1"],
      ...["--scenario", "one-hop,pair", "--rate", "400", "--seconds", "1", "--warm-up", "1"],
    ],
    { cwd: root, timeoutMs: 170_000 },
  );
  assert.equal(code, 0, stdout + stderr);
  const rows = [...stdout.matchAll(/^weft 0\.\d+\.\d+ +([\d.]+) .* (\d+)$/gm)];
  assert.equal(rows.length, 2, stdout);
  for (const [line, micros, failed] of rows) {
    assert.ok(Number(micros) > 0, line);
    assert.equal(failed, "0", line);
  }
});
