// The two ends of a hot upgrade's second half (decision 0044). The bridge serves while the old
// process drains and becomes the new program; the heir, which is that program, takes the sockets
// back and sends the bridge away.

import { childEnd, type Runtime, sealDescriptors, socketOf } from "@weft/runtime";
import type { Agent } from "../agent.ts";
import type { Handover } from "./handover.ts";
import { Lifeline } from "./lifeline.ts";

export interface BridgeOptions {
  readonly runtime: Runtime;
  readonly drainMs: number;
  readonly stop: AbortSignal;
}

/** A bridge that cannot serve by then is of no use: its owner serves on. */
const readyWithinMs = 25_000;

/** Serves until the heir does, or until the workload ends; answers the exit code. */
export async function serveAsBridge(
  agent: Agent,
  handover: Handover,
  options: BridgeOptions,
): Promise<number> {
  const { runtime, drainMs } = options;
  sealDescriptors([handover.lifeline]);
  const lifeline = new Lifeline(socketOf(handover.lifeline));
  const late = new Promise<"late">((resolve) => {
    runtime.timers.after(readyWithinMs, () => resolve("late"), { background: true });
  });
  await agent.start();
  const isReady = await Promise.race([agent.proxy.ready, agent.failed, lifeline.ended, late]);
  if (isReady === "late") return 1;
  lifeline.say("ready");
  agent.watchHealth();
  void lifeline.said("yield").then(() => agent.yieldControl(true));
  const stopped = new Promise<void>((resolve) => {
    options.stop.addEventListener("abort", () => resolve(), { once: true });
  });
  const leave = lifeline.said("leave").then(() => "leave" as const);
  const first = await Promise.race([leave, lifeline.ended, stopped, agent.failed]);
  // The heir's end is the workload's, whatever is still open here.
  if (first === "leave") await Promise.race([agent.handOver(drainMs), lifeline.ended]);
  else await agent.leave(drainMs);
  lifeline.close();
  return 0;
}

/** Begins to serve in the bridge's place; resolves when the bridge has gone. */
export async function succeedBridge(
  agent: Agent,
  handover: Handover,
  runtime: Runtime,
): Promise<void> {
  sealDescriptors([handover.lifeline]);
  const lifeline = new Lifeline(socketOf(handover.lifeline));
  lifeline.say("yield");
  await agent.start();
  await agent.proxy.ready;
  runtime.log.info("the upgrade is done; the bridge drains", { pid: handover.bridgePid });
  lifeline.say("leave");
  await childEnd(handover.bridgePid);
  lifeline.close();
}
