// The README's five-minute tour, run command by command as a newcomer would.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { root } from "../harness/mesh.ts";
import { eventually, run, start } from "../harness/processes.ts";

interface Step {
  readonly command: string;
  readonly expect: RegExp | null;
  readonly exit: number;
}

/** Console blocks between the tour's heading and the next one, with the comments before them. */
function readTour(): Step[] {
  const text = readFileSync(path.join(root, "README.md"), "utf8");
  const tour = /## Five-minute tour\n(.*?)\n## /s.exec(text)?.[1] ?? "";
  const steps: Step[] = [];
  for (const match of tour.matchAll(/((?:<!-- .*? -->\n)*)```console\n\$ (.*)\n/g)) {
    const [, comments = "", command = ""] = match;
    const expected = /<!-- expect: (.*?) -->/.exec(comments)?.[1];
    steps.push({
      command,
      expect: expected === undefined ? null : new RegExp(expected),
      exit: Number(/<!-- exit: (\d+) -->/.exec(comments)?.[1] ?? 0),
    });
  }
  return steps;
}

test("the README's tour works, command by command", { timeout: 180_000 }, async (context) => {
  const [first, ...rest] = readTour();
  assert.equal(first?.command, "npm start");
  assert.ok(rest.length >= 8, `the tour has ${rest.length} further steps`);
  const dir = mkdtempSync(path.join(tmpdir(), "weft-tour-"));
  context.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  const environment = { ...process.env, WEFT_DATA_DIR: path.join(dir, "data") };
  const shop = start(context, "npm", ["start"], { cwd: root, env: environment, detached: true });
  await shop.printed(/The mesh is up\. API: http:\/\/127\.0\.0\.1:7070/, 60_000);
  for (const step of rest) {
    await context.test(`$ ${step.command}`, async () => {
      // Numbers need a moment of traffic: a step may be tried again until it shows what is
      // promised.
      await eventually(
        step.command,
        async () => {
          const { code, stdout, stderr } = await run("sh", ["-c", step.command], {
            cwd: root,
            env: environment,
          });
          const text = stdout + stderr;
          if (code !== step.exit) throw new Error(`exit ${code}, not ${step.exit}:\n${text}`);
          if (step.expect !== null && !step.expect.test(text)) {
            throw new Error(`no ${step.expect} in:\n${text}`);
          }
          return true;
        },
        20_000,
        500,
      );
    });
  }
  const begun = performance.now();
  process.kill(-shop.pid, "SIGINT");
  await shop.ended(10_000);
  await eventually(
    "no process of the demo is left",
    () => (left(dir).length === 0 ? true : null),
    5_000,
  );
  const seconds = (performance.now() - begun) / 1000;
  assert.ok(seconds < 3, `Ctrl-C took ${seconds.toFixed(1)} s`);
});

/** Processes that were given the tour's data directory. */
function left(dir: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "utf8").includes(dir);
      } catch {
        return false;
      }
    })
    .map(Number);
}
