// A worker thread: makes its `Thread`, listens where it is told to and does what the
// main thread says. Requests run here and nowhere else (decision D4).

import { flushCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import {
  type ByteSocket,
  collectGarbage,
  releaseMemory,
  handleFaults,
  type LogFields,
  type Logger,
  type LogLevel,
  systemRuntime,
  TimerWheel,
} from "@weft/runtime";
import { clustersOf, endpointsOf, listenersOf, routesOf } from "./admin-views.ts";
import { Current } from "./config/current.ts";
import { retireOld } from "./connection-age.ts";
import { H2Downstream } from "./downstream/h2.ts";
import type { Entry } from "./exchange/exchange.ts";
import { fixedHostOf } from "./exchange/fixed-host.ts";
import { CapturedInbound, CapturedOutbound } from "./listener/captured.ts";
import { Listener } from "./listener/listener.ts";
import { serve } from "./listener/serve.ts";
import type { FromWorker, ListenOrder, ToWorker, WorkerReport, WorkerStart } from "./messages.ts";
import { OverloadLevel } from "./overload.ts";
import { createAccessLog } from "./telemetry/access-log.ts";
import { Decisions } from "./telemetry/decision.ts";
import { Refusals } from "./telemetry/refusals.ts";
import { Stats } from "./telemetry/stats.ts";
import type { Thread } from "./thread.ts";
import { ThreadIdentity } from "./tls/identity.ts";
import { relieve } from "./worker-balance.ts";

const sweepMs = 1000;
const drainLookMs = 20;
const cacheFlushMs = 3000;
/** By then an idle worker has needed all that starting takes. */
const settledMs = 4000;

interface Closable {
  close(): void;
}

function main(): void {
  const port = parentPort;
  if (port === null) throw new Error("worker.ts runs in a worker thread only");
  const start = workerData as WorkerStart;
  const post = (message: FromWorker): void => port.postMessage(message);
  const runtime = systemRuntime({ log: postingLogger(post, {}) });
  const thread = createThread(start, runtime, post);
  const listeners = new Map<string, Closable>();
  handleFaults((error) => logFault(runtime.log, error));
  runtime.timers.every(
    sweepMs,
    () => {
      const nowMs = runtime.clock.monotonicMs();
      thread.current.sweep(nowMs);
      thread.refusals.sweep(nowMs);
      retireOld(thread, nowMs);
      if (thread.overload !== OverloadLevel.None) collectGarbage();
      if (hasNews(thread)) post({ kind: "report", id: 0, report: report(thread) });
    },
    { background: true },
  );
  const own: Own = { thread, listeners, post, timers: runtime.timers, close: () => port.close() };
  port.on("message", (message: ToWorker) => obey(message, own));
  // A thread that is terminated writes nothing: what was compiled is kept for the next one now.
  runtime.timers.after(cacheFlushMs, flushCompileCache, { background: true });
  runtime.timers.after(settledMs, () => releaseUnlessBusy(thread), { background: true });
  post({ kind: "started" });
}

interface Own {
  readonly thread: Thread;
  readonly listeners: Map<string, Closable>;
  readonly post: (message: FromWorker) => void;
  readonly timers: ReturnType<typeof systemRuntime>["timers"];
  readonly close: () => void;
}

function obey(message: ToWorker, own: Own): void {
  const { thread, listeners, post, timers } = own;
  switch (message.kind) {
    case "configure":
      thread.current.apply(thread, message);
      break;
    case "identity":
      thread.identity.replace(message.identity);
      break;
    case "listen":
      // Nothing is accepted before the tables sent earlier are in force.
      thread.current.afterChanges(() => {
        for (const order of message.orders) {
          listeners.set(order.name, listen(thread, order, post));
        }
      });
      break;
    case "add-listeners":
      for (const order of message.orders) listeners.set(order.name, listen(thread, order, post));
      post({ kind: "answer", id: message.id, body: null });
      break;
    case "assign":
      for (const one of message.addresses) thread.assigned.set(one.address, one);
      post({ kind: "answer", id: message.id, body: null });
      break;
    case "remove-listeners":
      for (const name of message.names) {
        listeners.get(name)?.close();
        listeners.delete(name);
      }
      break;
    case "overload":
      if (overloaded(thread, listeners, message)) post({ kind: "accept-again" });
      break;
    case "eject":
      thread.current.clusters.get(message.cluster)?.eject(new Set(message.keys));
      break;
    case "relieve":
      relieve(http2Downstreams(thread));
      break;
    case "report":
      post({ kind: "report", id: message.id, report: report(thread) });
      break;
    case "ask":
      post({ kind: "answer", id: message.id, body: answer(thread, message.topic, message.args) });
      break;
    case "drain":
      drain(thread, listeners, message.keepIdleMs, timers, () => {
        post({ kind: "drained" });
      });
      break;
    case "close":
      for (const listener of listeners.values()) listener.close();
      for (const downstream of thread.downstreams) downstream.destroy();
      own.close();
      break;
  }
}

/** It would stop requests for some tens of milliseconds; a worker that has some needs its heap. */
function releaseUnlessBusy(thread: Thread): void {
  if (thread.stats.activeCount === 0 && thread.downstreams.size === 0) releaseMemory();
}

/** A bug: it ends the connection it was met on, and nothing else. */
function logFault(log: Logger, error: unknown): void {
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  log.error("a connection met a bug", { stack });
}

function createThread(
  start: WorkerStart,
  runtime: ReturnType<typeof systemRuntime>,
  post: (message: FromWorker) => void,
): Thread {
  const prefix = Buffer.from(runtime.random.bytes(10)).toString("hex");
  let requestCount = 0;
  return {
    number: start.number,
    workerCount: start.workerCount,
    clock: runtime.clock,
    random: runtime.random,
    log: runtime.log,
    wheel: new TimerWheel(runtime.clock, runtime.timers, (error) => logFault(runtime.log, error)),
    settings: start.settings,
    current: new Current(runtime.clock, runtime.timers, {
      onConfigured: (version) => post({ kind: "configured", version }),
      onLimitReached: (cluster, endpoint) => post({ kind: "limit", cluster, endpoint }),
    }),
    identity: new ThreadIdentity(),
    stats: new Stats(),
    decisions: new Decisions(),
    refusals: new Refusals(runtime.log, () => runtime.clock.monotonicMs()),
    accessLog: start.accessLog ? createAccessLog(runtime.log) : null,
    isDraining: false,
    overload: OverloadLevel.None,
    get endsConnections() {
      return this.isDraining || this.overload !== OverloadLevel.None;
    },
    nextRequestId: () => prefix + (++requestCount).toString(16).padStart(12, "0"),
    serve: (socket: ByteSocket, early: Buffer, entry: Entry) => serve(socket, early, entry),
    downstreams: new Set(),
    assigned: new Map(),
  };
}

function listen(thread: Thread, order: ListenOrder, post: (message: FromWorker) => void): Closable {
  const { binding } = order;
  const options = {
    fd: order.fd,
    address: order.address,
    port: order.port,
    insists: order.insists,
    onListening: (port: number) => post({ kind: "listening", name: order.name, port }),
  };
  if (order.captured === "inbound") return new CapturedInbound(thread, options);
  if (order.captured === "outbound") return new CapturedOutbound(thread, options);
  return new Listener(thread, {
    ...options,
    resourceName: order.resourceName,
    isFed: false,
    fixedHost:
      binding === null ? null : fixedHostOf(binding.service, binding.namespace, binding.port),
  });
}

function report(thread: Thread): WorkerReport {
  return {
    requests: thread.stats.take(),
    clusters: Array.from(thread.current.clusters.values(), (cluster) =>
      cluster.takeCounts(),
    ).filter((counts) => counts.connectFailures + counts.retries + counts.openConnections > 0),
    connections: thread.stats.connections,
    activeCount: thread.stats.activeCount,
  };
}

/** Idle workers stay silent. */
let lastWasQuiet = false;
function hasNews(thread: Thread): boolean {
  const isQuiet = !thread.stats.hasNews && thread.stats.activeCount === 0;
  const isNews = !isQuiet || !lastWasQuiet;
  lastWasQuiet = isQuiet;
  return isNews;
}

function answer(thread: Thread, topic: string, args: Readonly<Record<string, string>>): unknown {
  const { tables } = thread.current;
  switch (topic) {
    case "listeners":
      return listenersOf(tables);
    case "routes":
      return routesOf(tables);
    case "clusters":
      return clustersOf(tables);
    case "endpoints":
      return endpointsOf(thread.current);
    case "explain":
      return thread.decisions.find(args["requestId"] ?? "");
    default:
      return null;
  }
}

/**
 * No new connections; idle ones close now, or after `keepIdleMs`, the others after their response.
 */
function drain(
  thread: Thread,
  listeners: Map<string, Closable>,
  keepIdleMs: number,
  timers: ReturnType<typeof systemRuntime>["timers"],
  done: () => void,
): void {
  const untilMs = thread.clock.monotonicMs() + keepIdleMs;
  let keepsIdle = keepIdleMs > 0;
  thread.isDraining = true;
  for (const listener of listeners.values()) listener.close();
  listeners.clear();
  for (const downstream of thread.downstreams) downstream.drain(keepsIdle);
  const look = (): void => {
    if (keepsIdle && thread.clock.monotonicMs() >= untilMs) {
      keepsIdle = false;
      for (const downstream of thread.downstreams) downstream.drain(false);
    }
    const { activeCount, tunnelCount, openingCount } = thread.stats;
    // Those that were kept have said goodbye by then, and linger for their peer's.
    const openCount =
      keepIdleMs > 0 ? thread.downstreams.size + openingCount : leavingCount(thread);
    if (activeCount <= 0 && tunnelCount <= 0 && openCount === 0) return done();
    timers.after(drainLookMs, look);
  };
  look();
}

function http2Downstreams({ downstreams }: Thread): H2Downstream[] {
  return [...downstreams].filter((one) => one instanceof H2Downstream);
}

function leavingCount(thread: Thread): number {
  let count = 0;
  for (const downstream of thread.downstreams) if (downstream.isLeaving) count++;
  return count;
}

/**
 * Connections that wait to be accepted stay in the sockets' queues; true: time to accept again.
 */
function overloaded(
  thread: Thread,
  listeners: Map<string, Closable>,
  { level, mayStop }: { level: OverloadLevel; mayStop: boolean },
): boolean {
  const stops = level >= OverloadLevel.StopAccepting;
  const stopped = thread.overload >= OverloadLevel.StopAccepting;
  const isWorse = level > thread.overload;
  thread.overload = level;
  // HTTP/1 ends with its responses. Those opened meanwhile stay until it gets worse: a peer that
  // is sent away after every request would cost more than it holds.
  if (isWorse) for (const connection of http2Downstreams(thread)) connection.drain();
  if (!mayStop || thread.isDraining || stops === stopped) return false;
  for (const listener of listeners.values()) listener.close();
  listeners.clear();
  return !stops;
}

function postingLogger(post: (message: FromWorker) => void, bound: LogFields): Logger {
  const emit =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      post({ kind: "log", level, message, fields: { ...bound, ...fields } });
  return {
    debug: emit("debug"),
    info: emit("info"),
    warn: emit("warn"),
    error: emit("error"),
    child: (name, fields) => postingLogger(post, { ...bound, ...fields, part: name }),
  };
}

main();
