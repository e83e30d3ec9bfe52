import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, silentLogger, SimClock } from "@weft/runtime";
import type { ProxyStatus } from "@weft/xds/messages/weft/v1/agent.js";
import { ProxyReport } from "./proxy-report.ts";

function open(): { clock: SimClock; report: ProxyReport; sent: string[]; run(v: string): void } {
  const clock = new SimClock();
  const sent: string[] = [];
  let configVersion = "";
  const status = (): ProxyStatus => ({
    kind: "builtin",
    version: "0.1.0",
    configVersion,
    adminPort: 1,
    metricsPort: 2,
    outboundPort: 3,
    dnsPort: 0,
  });
  const report = new ProxyReport({
    runtime: { clock, timers: clock, random: seededRandom(1), log: silentLogger },
    read: status,
    send: (told) => sent.push(told.configVersion),
  });
  const run = (version: string): void => {
    configVersion = version;
    report.changed();
  };
  return { clock, report, sent, run };
}

test("every registration and the first configuration are told at once", () => {
  const { report, run, sent } = open();
  run("a");
  assert.deepEqual(sent, [], "nobody listens yet");
  run("");
  report.registered();
  run("a");
  assert.deepEqual(sent, ["", "a"]);
  report.registered();
  assert.deepEqual(sent, ["", "a", "a"]);
});

test("later ones are told together, now and then", () => {
  const { clock, report, run, sent } = open();
  run("a");
  report.registered();
  for (const version of ["b", "c", "d"]) {
    run(version);
    clock.advance(1_000);
  }
  assert.deepEqual(sent, ["a"]);
  clock.advance(10_000);
  assert.deepEqual(sent, ["a", "d"]);
  run("e");
  run("d");
  clock.advance(20_000);
  assert.deepEqual(sent, ["a", "d"], "it came back to what was told");
  report.close();
  assert.equal(clock.pendingCount, 0);
});
