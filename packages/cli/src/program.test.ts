import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, silentLogger, SimClock } from "@weft/runtime";
import { commands } from "./commands/table.ts";
import type { CliContext } from "./context.ts";
import { runCommandLine } from "./program.ts";

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function weft(...args: string[]): Promise<Ran> {
  const clock = new SimClock();
  let stdout = "";
  let stderr = "";
  const context: CliContext = {
    runtime: { clock, timers: clock, random: seededRandom(1), log: silentLogger },
    environment: {},
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    stdin: process.stdin,
  };
  const code = await runCommandLine(args, context);
  return { code, stdout, stderr };
}

test("the help names every command, and each has a help of its own", async () => {
  const whole = await weft("--help");
  assert.equal(whole.code, 0);
  for (const name of Object.keys(commands)) {
    assert.match(whole.stdout, new RegExp(`^  ${name} `, "m"));
    const own = await weft(name, "--help");
    assert.equal(own.code, 0);
    assert.match(own.stdout, new RegExp(`^Usage: weft ${name}`));
    assert.equal(own.stdout.includes("\u001b"), false);
  }
});

test("every command takes -o json", async () => {
  const parents: Readonly<Record<string, readonly string[]>> = {
    capture: ["show", "remove"],
    token: ["create", "list", "revoke"],
    proxy: ["list", "endpoints", "routes", "listeners", "clusters", "config", "log"],
  };
  for (const name of Object.keys(commands)) {
    for (const words of parents[name]?.map((child) => [name, child]) ?? [[name]]) {
      const { stdout } = await weft(...words, "--help");
      assert.match(stdout, /-o, --output <format>/, words.join(" "));
      assert.match(stdout, /"?json"?/, words.join(" "));
    }
  }
});

test("what is not written right exits 2, as a sentence or as an object", async () => {
  const lines: readonly (readonly string[])[] = [
    [],
    ["nonsense"],
    ["get"],
    ["get", "services", "--nonsense"],
    ["get", "nonsense"],
    ["run", "--port", "80"],
    ["run", "--service", "Not_A_Name"],
    ["run", "--service", "a", "--port", "65536"],
    ["run", "--service", "a", "--drain", "soon"],
    ["run", "--service", "a", "--upstream", "a:b"],
    ["run", "--service", "a", "--concurrency", "0"],
    ["up", "--listen", "7070"],
    ["completion", "tcsh"],
    ["delete", "service"],
    ["request", "ftp://catalog/"],
  ];
  for (const args of lines) {
    const plain = await weft(...args);
    assert.equal(plain.code, 2, args.join(" "));
    assert.equal(plain.stdout, "", args.join(" "));
    assert.notEqual(plain.stderr, "", args.join(" "));
    if (args.length === 0) continue;
    const json = await weft(...args, "-o", "json");
    assert.equal(json.code, 2, args.join(" "));
    const { error } = JSON.parse(json.stderr) as {
      error: { code: string; message: string; hint: string };
    };
    assert.deepEqual(Object.keys(error), ["code", "message", "hint"]);
    assert.equal(error.code, "usage", args.join(" "));
    assert.notEqual(error.message, "");
  }
});

test("a typing mistake gets a suggestion", async () => {
  assert.match((await weft("stats")).stderr, /Did you mean stat\?/);
  assert.match((await weft("get", "services", "--namespac", "x")).stderr, /--namespace/);
});
