// The flags of transparent capture, on `weft run` and `weft sidecar`. The exclusions bear the names
// that users of other meshes know.

import type { CaptureOptions } from "@weft/agent";
import { type AddressRange, parseAddressRange } from "@weft/runtime";
import { type Command, InvalidArgumentError, Option } from "commander";
import { usageFailure } from "./failure.ts";
import { parsePort } from "./flags.ts";

export interface CaptureFlags {
  transparent?: boolean;
  captureInbound?: CaptureOptions["inboundBy"];
  captureUid?: number;
  excludeInboundPorts?: number[];
  excludeOutboundPorts?: number[];
  excludeOutboundRanges?: AddressRange[];
}

const uidMax = 2 ** 32 - 2;

export function addCaptureFlags(command: Command, scope: CaptureOptions["scope"]): Command {
  const whose = scope === "program" ? "the program's connections" : "every connection of this host";
  command
    .addOption(new Option("--transparent", `capture ${whose} with packet filter rules (root)`))
    .addOption(
      new Option("--capture-inbound <way>", "how connections to the program's port are captured")
        .choices(["tproxy", "redirect"])
        .argParser((text: string) => oneOf(text)),
    )
    .addOption(
      new Option(
        "--exclude-inbound-ports <ports>",
        "ports that peers reach without the sidecar",
      ).argParser(list(parsePort)),
    )
    .addOption(
      new Option(
        "--exclude-outbound-ports <ports>",
        "connections to these ports are left alone",
      ).argParser(list(parsePort)),
    )
    .addOption(
      new Option(
        "--exclude-outbound-ranges <ranges>",
        "such as 10.0.0.0/8,fd00::/8; left alone",
      ).argParser(list(parseRange)),
    );
  if (scope === "everyone") return command;
  return command.addOption(
    new Option("--capture-uid <uid>", "run the program as this user and know it by that").argParser(
      parseUid,
    ),
  );
}

/** Null without --transparent. */
export function captureOptions(
  flags: CaptureFlags,
  scope: CaptureOptions["scope"],
): CaptureOptions | null {
  if (flags.transparent !== true) {
    const others: readonly unknown[] = [
      flags.captureInbound,
      flags.captureUid,
      flags.excludeInboundPorts,
      flags.excludeOutboundPorts,
      flags.excludeOutboundRanges,
    ];
    if (others.every((value) => value === undefined)) return null;
    throw usageFailure(
      "--capture-… and --exclude-… say how to capture, and nothing is captured",
      "Add --transparent.",
    );
  }
  return {
    scope,
    inboundBy: flags.captureInbound ?? "tproxy",
    excludedInboundPorts: flags.excludeInboundPorts ?? [],
    excludedOutboundPorts: flags.excludeOutboundPorts ?? [],
    excludedOutboundRanges: flags.excludeOutboundRanges ?? [],
    uid: flags.captureUid ?? null,
  };
}

function oneOf(text: string): CaptureOptions["inboundBy"] {
  if (text === "tproxy" || text === "redirect") return text;
  throw new InvalidArgumentError("one of tproxy, redirect");
}

/** Separated by commas; the flag may also be given again. */
function list<T>(parse: (text: string) => T): (text: string, earlier: T[] | undefined) => T[] {
  return (text, earlier = []) => [...earlier, ...text.split(",").map((one) => parse(one.trim()))];
}

function parseRange(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (range !== null) return range;
  throw new InvalidArgumentError("a range looks like 10.0.0.0/8 or fd00::/8");
}

function parseUid(text: string): number {
  const uid = Number(text);
  if (/^\d{1,10}$/.test(text) && uid > 0 && uid <= uidMax) return uid;
  throw new InvalidArgumentError("a user's number, not 0");
}
