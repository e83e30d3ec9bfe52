// The two ends of a hot upgrade's second half (decision 0044). The bridge serves while the old
// process drains and becomes the new program; the heir, which is that program, takes the sockets
// back and sends the bridge away.

import {
  childEnd,
  closeDescriptor,
  type Inheritance,
  receiveSockets,
  type Runtime,
  sendSockets,
  sleep,
} from "@weft/runtime";
import type { Agent } from "../agent.ts";
import type { Handover } from "./handover.ts";
import type { Lifeline } from "./lifeline.ts";

export interface BridgeOptions {
  readonly runtime: Runtime;
  readonly drainMs: number;
  readonly stop: AbortSignal;
}

/** What joins the two processes. */
export interface Succession {
  readonly lifeline: Lifeline;
  /** Descriptor of the socket over which sockets go. */
  readonly passage: number;
  readonly inheritance: Inheritance;
}

/** A bridge that cannot serve by then is of no use: its owner serves on. */
const readyWithinMs = 25_000;

/** A process that goes writes down a few names; one that hangs is not waited for. */
const takeWithinMs = 2_000;

/** Resolves when the process before this one has left DNS and new addresses to this one. */
export async function takeOver(
  { inheritance, lifeline, passage }: Succession,
  { timers }: Runtime,
): Promise<void> {
  const patience = new AbortController();
  lifeline.say("prepared");
  const late = sleep(timers, takeWithinMs, patience.signal);
  await Promise.race([lifeline.said("take"), lifeline.ended, late]);
  patience.abort();
  inheritance.receive(receiveSockets(passage));
}

/** Serves until the heir does, or until the workload ends; answers the exit code. */
export async function serveAsBridge(
  agent: Agent,
  { inheritance, lifeline, passage }: Succession,
  options: BridgeOptions,
): Promise<number> {
  const { runtime, drainMs } = options;
  const late = new Promise<"late">((resolve) => {
    runtime.timers.after(readyWithinMs, () => resolve("late"), { background: true });
  });
  await agent.start();
  const isReady = await Promise.race([agent.proxy.ready, agent.failed, lifeline.ended, late]);
  if (isReady === "late") return 1;
  lifeline.say("ready");
  agent.watchHealth();
  void lifeline.said("yield").then(() => agent.yieldControl(true));
  void lifeline.said("prepared").then(async () => {
    await agent.yieldNames(true);
    sendSockets(passage, inheritance.newcomers());
    lifeline.say("take");
  });
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
  { lifeline, passage }: Succession,
  { bridgePid }: Handover,
  runtime: Runtime,
  onServing: () => void,
): Promise<void> {
  lifeline.say("yield");
  await agent.start();
  await agent.proxy.ready;
  onServing();
  runtime.log.info("the upgrade is done; the bridge drains", { pid: bridgePid });
  lifeline.say("leave");
  await childEnd(bridgePid);
  lifeline.close();
  closeDescriptor(passage);
}
