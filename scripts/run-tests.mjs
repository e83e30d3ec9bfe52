// Runs the tests in two phases: those of the packages side by side, then the whole-mesh ones one at
// a time, because they measure and kill things. Ends with the list of what was skipped and why.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "..");
const reporter = path.join(root, "scripts/skip-reporter.mjs");
const skippedFile = path.join(root, ".cache/skipped.txt");
fs.mkdirSync(path.dirname(skippedFile), { recursive: true });
fs.rmSync(skippedFile, { force: true });

function run(patterns, concurrency) {
  const result = spawnSync(
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
      ...patterns,
    ],
    { stdio: "inherit", cwd: root, env: { ...process.env, WEFT_SKIPPED_FILE: skippedFile } },
  );
  return result.status ?? 1;
}

const given = process.argv.slice(2);
const phases =
  given.length > 0
    ? [[given, 1]]
    : [
        [["packages/*/src/**/*.test.ts", "scripts/**/*.test.ts"], 2],
        [["test/**/*.test.ts"], 1],
      ];

let status = 0;
for (const [patterns, concurrency] of phases) status = run(patterns, concurrency) || status;

if (fs.existsSync(skippedFile)) {
  console.log("\nSkipped:");
  for (const line of new Set(fs.readFileSync(skippedFile, "utf8").trim().split("\n"))) {
    console.log(`  ${line}`);
  }
} else console.log("\nSkipped: nothing");
process.exitCode = status;
