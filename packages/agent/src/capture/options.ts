// What `--transparent` and the flags beside it ask for.

import type { AddressRange } from "@weft/runtime";

export interface CaptureOptions {
  /** The program's sockets (`weft run`), or everything but the agent (`weft sidecar`). */
  readonly scope: "program" | "everyone";
  readonly inboundBy: "tproxy" | "redirect";
  /** Declared ports that peers reach without the sidecar. */
  readonly excludedInboundPorts: readonly number[];
  readonly excludedOutboundPorts: readonly number[];
  readonly excludedOutboundRanges: readonly AddressRange[];
  /** The program runs as this user, by which it is known; null: by a cgroup where there is one. */
  readonly uid: number | null;
}
