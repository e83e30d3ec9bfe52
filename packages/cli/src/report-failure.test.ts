import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger, SimClock, seededRandom } from "@weft/runtime";
import type { CliContext } from "./context.ts";
import { CliFailure } from "./failure.ts";
import { reportFailure, wantsJson } from "./report-failure.ts";

function report(error: unknown, isJson: boolean): { code: number; text: string } {
  const clock = new SimClock();
  let text = "";
  const context: CliContext = {
    runtime: { clock, timers: clock, random: seededRandom(1), log: silentLogger },
    environment: {},
    stdout: { write: () => true },
    stderr: { write: (more) => (text += more) },
    stdin: process.stdin,
  };
  return { code: reportFailure(context, error, isJson), text };
}

test("JSON is asked for by the command's own arguments only", () => {
  for (const args of [
    ["get", "-o", "json"],
    ["get", "-ojson"],
    ["get", "--output=json"],
  ]) {
    assert.equal(wantsJson(args), true, args.join(" "));
  }
  for (const args of [
    ["get", "json"],
    ["get", "-o", "yaml"],
    ["run", "--", "x", "-o", "json"],
  ]) {
    assert.equal(wantsJson(args), false, args.join(" "));
  }
});

test("a failure is a sentence and a hint, or one object; both have its exit code", () => {
  const failure = new CliFailure({ code: "usage", message: "no", hint: "do", exitCode: 2 });
  assert.deepEqual(report(failure, false), { code: 2, text: "weft: no\n      do\n" });
  const { code, text } = report(failure, true);
  assert.equal(code, 2);
  assert.deepEqual(JSON.parse(text), { error: { code: "usage", message: "no", hint: "do" } });
});

test("failures of other packages are known by their shape", () => {
  const foreign = Object.assign(new Error("taken"), {
    code: "port-taken",
    hint: "another",
    row: { exitCode: 3 },
  });
  assert.deepEqual(report(foreign, false), { code: 3, text: "weft: taken\n      another\n" });
});

test("anything else is our defect, and says so", () => {
  const { code, text } = report(new TypeError("x is not a function"), true);
  assert.equal(code, 1);
  const { error } = JSON.parse(text) as { error: { code: string; message: string } };
  assert.equal(error.code, "internal");
  assert.match(error.message, /x is not a function .*defect/);
});
