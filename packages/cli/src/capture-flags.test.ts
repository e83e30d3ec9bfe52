import assert from "node:assert/strict";
import { test } from "node:test";
import type { CaptureOptions } from "@weft/agent";
import { Command } from "commander";
import { addCaptureFlags, type CaptureFlags, captureOptions } from "./capture-flags.ts";

function parse(args: readonly string[], scope: CaptureOptions["scope"] = "program") {
  const command = addCaptureFlags(new Command("run"), scope).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  command.parse([...args], { from: "user" });
  return captureOptions(command.opts<CaptureFlags>(), scope);
}

test("without --transparent nothing is captured, and flags that would say how are refused", () => {
  assert.equal(parse([]), null);
  assert.throws(() => parse(["--exclude-outbound-ports", "5432"]), /nothing is captured/);
});

test("exclusions are lists, and add up", () => {
  const given = parse([
    "--transparent",
    "--exclude-outbound-ports=5432,9000",
    "--exclude-outbound-ports=25",
    "--exclude-outbound-ranges=10.0.0.0/8, fd00::/8",
    "--exclude-inbound-ports=8081",
  ]);
  assert.deepEqual(given?.excludedOutboundPorts, [5432, 9000, 25]);
  assert.deepEqual(
    given?.excludedOutboundRanges.map(({ text }) => text),
    ["10.0.0.0/8", "fd00::/8"],
  );
  assert.deepEqual(given?.excludedInboundPorts, [8081]);
  assert.deepEqual([given?.scope, given?.inboundBy, given?.uid], ["program", "tproxy", null]);
});

test("what is no port, range or user is refused", () => {
  for (const flag of [
    "--exclude-outbound-ports=0",
    "--exclude-outbound-ranges=10.0.0.0/40",
    "--capture-uid=0",
    "--capture-inbound=magic",
  ]) {
    assert.throws(() => parse(["--transparent", flag]), /invalid/i, flag);
  }
  assert.throws(() => parse(["--transparent", "--capture-uid=5"], "everyone"), /unknown option/);
});
