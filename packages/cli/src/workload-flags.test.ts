import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentOptions } from "@weft/agent";
import { Command } from "commander";
import { seededRandom, silentLogger, SimClock } from "@weft/runtime";
import type { CliContext } from "./context.ts";
import { addWorkloadFlags, agentOptions, type WorkloadFlags } from "./workload-flags.ts";

const clock = new SimClock();
const runtime = { clock, timers: clock, random: seededRandom(1), log: silentLogger };

function options(args: readonly string[], environment: Record<string, string> = {}): AgentOptions {
  const context: CliContext = {
    runtime,
    environment,
    stdout: { write: () => true },
    stderr: { write: () => true },
    stdin: process.stdin,
  };
  const command = addWorkloadFlags(new Command("run")).exitOverride();
  command.parse([...args], { from: "user" });
  return agentOptions(context, runtime, command.opts<WorkloadFlags>());
}

test("what is not said has the design's defaults", () => {
  const given = options(["--service", "catalog"], { HOME: "/home/x" });
  assert.equal(given.serviceAccount, "catalog");
  assert.equal(given.namespace, "default");
  assert.equal(given.control, "127.0.0.1:7071");
  assert.equal(given.port, null);
  assert.equal(given.protocol, "http");
  assert.equal(given.appAddress, "127.0.0.1");
  assert.equal(given.drainMs, 30_000);
  assert.equal(given.noWait, false);
  assert.equal(given.concurrency, 1);
  assert.match(given.dataDir, /\/\.local\/state\/weft$/);
});

test("a flag beats its variable, a variable the default", () => {
  const environment = {
    WEFT_NAMESPACE: "shop",
    WEFT_CONTROL: "127.0.0.1:1",
    WEFT_DATA_DIR: "/data",
    WEFT_TOKEN_FILE: "/token",
  };
  const from = options(["--service", "a"], environment);
  assert.deepEqual(
    [from.namespace, from.control, from.dataDir, from.tokenFile],
    ["shop", "127.0.0.1:1", "/data", "/token"],
  );
  const flags = [
    "-n",
    "test",
    "--control",
    "127.0.0.1:2",
    "--data-dir",
    "/d",
    "--token-file",
    "/t",
  ];
  const over = options(["--service", "a", ...flags], environment);
  assert.deepEqual(
    [over.namespace, over.control, over.dataDir, over.tokenFile],
    ["test", "127.0.0.1:2", "/d", "/t"],
  );
});

test("--upstream takes S, S.N, S:PORT and S.N:PORT, and keeps what was written", () => {
  const args = ["a", "b.shop", "c:81", "d.shop:82"].flatMap((written) => ["--upstream", written]);
  assert.deepEqual(options(["--service", "x", ...args]).upstreams, [
    { written: "a", service: "a", namespace: "default", port: null },
    { written: "b.shop", service: "b", namespace: "shop", port: null },
    { written: "c:81", service: "c", namespace: "default", port: 81 },
    { written: "d.shop:82", service: "d", namespace: "shop", port: 82 },
  ]);
  for (const written of ["", "A", "a.b.c", "a:", "a:0", "a:65536", "a/b"]) {
    assert.throws(() => options(["--service", "x", "--upstream", written]), { code: "usage" });
  }
});
