// Runs the tests in phases: those of the packages side by side, then the behaviours side by side,
// then one at a time what measures, kills, or runs a whole mesh; beside these, those that mostly
// wait. Ends with the list of what was skipped and why.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const reporter = path.join(root, "scripts/skip-reporter.mjs");
const skippedFile = path.join(root, ".cache/skipped.txt");
fs.mkdirSync(path.dirname(skippedFile), { recursive: true });
fs.rmSync(skippedFile, { force: true });

/** Minutes of waiting: for liveness to run out, for ends and deadlines. */
const waiting = ["liveness", "life-of-run", "health"].map((name) => `test/e2e/${name}.test.ts`);

/** Behaviours that compare rates or times: nothing else may run beside them. */
const measuring = [
  "connection-reuse",
  "http2-floods",
  "idle-close",
  "lifecycle",
  "outlier-detection",
  "worker-replacement",
].map((name) => `test/conformance/${name}.test.ts`);

/** Resolves with the exit code; `isHeld`: what it prints comes when it has ended. */
function run(files, concurrency, isHeld = false) {
  const child = spawn(
    process.execPath,
    [
      "--conditions=@weft/source",
      "--disable-warning=ExperimentalWarning",
      "--test",
      `--test-concurrency=${concurrency}`,
      "--test-timeout=300000",
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-reporter=${reporter}`,
      "--test-reporter-destination=stderr",
      ...files,
    ],
    {
      stdio: isHeld ? ["ignore", "pipe", "pipe"] : "inherit",
      cwd: root,
      env: { ...process.env, WEFT_SKIPPED_FILE: skippedFile },
    },
  );
  const held = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (bytes) => held.push(bytes));
  }
  return new Promise((resolve) => {
    child.on("close", (code) => resolve({ code: code ?? 1, held: Buffer.concat(held) }));
  });
}

async function runAll() {
  const packages = ["packages/*/src/**/*.test.ts", "scripts/**/*.test.ts"];
  const behaviours = fs
    .globSync("test/conformance/*.test.ts", { cwd: root })
    .filter((file) => !measuring.includes(file))
    .sort();
  const apart = new Set([...behaviours, ...waiting]);
  const alone = fs
    .globSync("test/**/*.test.ts", { cwd: root })
    .filter((file) => !apart.has(file))
    .sort();
  const phases = [await run(packages, 2), await run(behaviours, 2)];
  phases.push(...(await Promise.all([run(alone, 1), run(waiting, 1, true)])));
  process.stdout.write(phases.at(-1).held);
  return phases.find((phase) => phase.code !== 0)?.code ?? 0;
}

const given = process.argv.slice(2);
const status = given.length > 0 ? (await run(given, 1)).code : await runAll();

if (fs.existsSync(skippedFile)) {
  console.log("\nSkipped:");
  for (const line of new Set(fs.readFileSync(skippedFile, "utf8").trim().split("\n"))) {
    console.log(`  ${line}`);
  }
} else console.log("\nSkipped: nothing");
process.exitCode = status;
