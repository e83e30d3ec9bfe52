// `npm run check`: every static rule, one after another, with its time. Fails if any fails.
import { spawnSync } from "node:child_process";
import path from "node:path";

const bin = (name) => path.join("node_modules/.bin", name);
const steps = [
  ["types", bin("tsc"), ["-b", "tsconfig.json"]],
  ["lint", bin("oxlint"), ["--type-aware", "--deny-warnings", "."]],
  ["format", bin("biome"), ["format", "."]],
  ["tidy", bin("node"), ["scripts/tidy.ts"]],
  ["unused", bin("knip"), ["--no-config-hints"]],
  ["reference", bin("node"), ["--conditions=@weft/source", "scripts/gen-docs.ts", "--check"]],
];

const only = process.argv.slice(2);
let failed = 0;
for (const [name, command, args] of steps) {
  if (only.length > 0 && !only.includes(name)) continue;
  const begun = performance.now();
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 1 << 26 });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const ok = result.status === 0;
  console.log(`${ok ? "ok  " : "FAIL"} ${name.padEnd(10)} ${seconds} s`);
  if (!ok) {
    failed++;
    console.log(
      `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`.trim(),
    );
  } else if (name === "tidy") console.log(`     ${result.stdout.trim()}`);
}
process.exitCode = failed === 0 ? 0 : 1;
