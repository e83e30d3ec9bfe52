// The workers of one proxy, seen from the main thread: started with everything the others have,
// replaced when they die, on the same sockets. A request in flight inside a dead worker is lost;
// a connection that waits to be accepted is not. A planned replacement loses nothing: the new
// worker accepts before the old one stops, and the old one drains.

import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import type { BoundListener, Runtime } from "@weft/runtime";
import type {
  AssignedAddress,
  FromWorker,
  ListenOrder,
  ToWorker,
  WorkerReport,
  WorkerStart,
} from "./messages.ts";
import { WorkerBalance } from "./worker-balance.ts";

export interface SupervisorEvents {
  /** The messages that bring a new worker to where the others are. */
  catchUp(): ToWorker[];
  onReport(number: number, report: WorkerReport): void;
  /** A worker runs another configuration. */
  onConfigured(): void;
  onLimitReached(cluster: string, endpoint: string): void;
  /** Its counters' shares must be taken back before the next one starts. */
  onDied(number: number): void;
}

/** A socket every worker accepts on; `bound` null where the worker listens by itself. */
export interface SharedListener {
  readonly order: Omit<ListenOrder, "fd" | "insists">;
  readonly bound: BoundListener | null;
}

/** Workers that die at once are started again after this long, not in a tight loop. */
const crashPauseMs = 100;
const answerMs = 5000;
/** What is closed at the end of a drain still says so to its peer. */
const farewellMs = 1500;
/**
 * Room for short-lived objects: with less, collections are many and longer ones few (runtime
 * facts, 6).
 */
const youngGenerationMb = 48;

interface Running {
  readonly number: number;
  readonly worker: Worker;
  startedAtMs: number;
  /** Listeners that do not accept yet. */
  waitingFor: number;
  /** Version of the configuration it runs. */
  version: string;
  isDrained: boolean;
  /** It drains, and its successor has its place. */
  isRetiring: boolean;
  /** Called at every step of its life that somebody may wait for. */
  onStep: (() => void) | null;
}

export class Supervisor {
  readonly #runtime: Runtime;
  readonly #start: Omit<WorkerStart, "number" | "workerCount" | "compileCacheDir">;
  #listeners: readonly SharedListener[];
  readonly #events: SupervisorEvents;
  readonly #running = new Map<number, Running>();
  readonly #answers = new Map<number, { count: number; bodies: unknown[]; done: () => void }>();
  readonly #ports = new Map<string, number>();
  #onPorts: (() => void) | null = null;
  #onDrained: (() => void) | null = null;
  #nextId = 1;
  #concurrency = 1;
  #balance: WorkerBalance | null = null;
  #isAccepting = true;
  #isHandedOver = false;
  #isClosing = false;
  #replacing: Promise<boolean> = Promise.resolve(true);
  replacedCount = 0;

  constructor(
    runtime: Runtime,
    start: Omit<WorkerStart, "number" | "workerCount" | "compileCacheDir">,
    listeners: readonly SharedListener[],
    events: SupervisorEvents,
  ) {
    this.#runtime = runtime;
    this.#start = start;
    this.#listeners = listeners;
    this.#events = events;
  }

  /**
   * Starts the workers; resolves when each accepts on every socket. With `waits` they accept
   * nothing before `accept`: somebody else serves the sockets until then.
   */
  async open(concurrency: number, waits: boolean): Promise<void> {
    this.#concurrency = concurrency;
    this.#balance = new WorkerBalance(concurrency, (number) => this.#relieve(number));
    this.#isAccepting = !waits;
    const accepting = this.#allAccept();
    for (let number = 0; number < concurrency; number++) this.#spawn(number);
    if (!waits) await accepting;
  }

  /** Resolves when every worker accepts. */
  async accept(): Promise<void> {
    if (this.#isAccepting) return;
    this.#isAccepting = true;
    const accepting = this.#allAccept();
    for (const running of this.#running.values()) this.#listen(running);
    await accepting;
  }

  #allAccept(): Promise<void> {
    return new Promise((resolve) => {
      this.#onPorts = resolve;
    });
  }

  /** The port of a listener that the worker bound by itself. */
  portOf(name: string): number {
    return this.#ports.get(name) ?? 0;
  }

  get count(): number {
    return this.#running.size;
  }

  /** By number, the version of the configuration each worker runs. */
  versions(): { number: number; version: string }[] {
    return Array.from(this.#running.values(), ({ number, version }) => ({ number, version }));
  }

  /** About every second. */
  sweep(): void {
    this.#balance?.sweep();
  }

  #relieve(number: number): void {
    this.#running.get(number)?.worker.postMessage({ kind: "relieve" } satisfies ToWorker);
  }

  send(message: ToWorker): void {
    for (const { worker } of this.#running.values()) worker.postMessage(message);
  }

  /** Opens more sockets; resolves when every worker accepts on them. */
  async addListeners(added: readonly SharedListener[]): Promise<void> {
    this.#listeners = [...this.#listeners, ...added];
    if (!this.#isAccepting) return;
    await this.#collect((id) => ({
      kind: "add-listeners",
      id,
      orders: added.map(({ order, bound }) => this.#orderOf(order, bound)),
    }));
  }

  async assign(addresses: readonly AssignedAddress[]): Promise<void> {
    await this.#collect((id) => ({ kind: "assign", id, addresses }));
  }

  /** Connections that are open already go on. */
  removeListeners(names: readonly string[]): void {
    const gone = this.#listeners.filter(({ order }) => names.includes(order.name));
    this.#listeners = this.#listeners.filter(({ order }) => !names.includes(order.name));
    this.send({ kind: "remove-listeners", names });
    for (const { bound } of gone) bound?.close();
  }

  /** Every worker's answer; without those that died or took too long. */
  ask(topic: string, args: Readonly<Record<string, string>>): Promise<unknown[]> {
    return this.#collect((id) => ({ kind: "ask", id, topic, args }));
  }

  /** Resolves when every worker's latest numbers have gone through `onReport`. */
  async report(): Promise<void> {
    await this.#collect((id) => ({ kind: "report", id }));
  }

  /**
   * Workers finish what is in flight, at most for so long. With `handsOver` somebody else accepts
   * on the same sockets: they stay open, and idle connections are kept as long as possible.
   */
  drain(ms: number, handsOver: boolean): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      const timer = this.#runtime.timers.after(handsOver ? ms + farewellMs : ms, resolve);
      this.#onDrained = () => {
        timer.cancel();
        resolve();
      };
      this.send({ kind: "drain", keepIdleMs: handsOver ? ms : 0 });
      this.#isHandedOver = handsOver;
      if (handsOver) return;
      // Ours too, or the system would go on taking connections that nobody serves.
      for (const { bound } of this.#listeners) bound?.close();
    });
  }

  /**
   * Puts a new worker in the place of one that works: it accepts first, then the old one drains, at
   * most `drainMs`. One after the other; false when there is no such worker, or no way without a
   * gap. Resolves when the old one has gone.
   */
  replace(number: number, drainMs: number): Promise<boolean> {
    const turn = this.#replacing.then(() => this.#replace(number, drainMs));
    this.#replacing = turn;
    return turn;
  }

  async #replace(number: number, drainMs: number): Promise<boolean> {
    const old = this.#running.get(number);
    if (old === undefined || this.#isClosing || !this.canShare) return false;
    const successor = this.#spawn(this.#freeNumber());
    // It accepts only when it runs the configuration.
    const isUp = (): boolean => successor.waitingFor === 0;
    await this.#until(successor, () => isUp() || !this.#isRunning(successor));
    if (!this.#isRunning(successor) || !this.#isRunning(old)) return false;
    old.isRetiring = true;
    this.replacedCount++;
    this.#runtime.log.info("a worker is replaced", { worker: number, by: successor.number });
    old.worker.postMessage({ kind: "drain", keepIdleMs: drainMs } satisfies ToWorker);
    const timer = this.#runtime.timers.after(drainMs + farewellMs, () => {
      old.isDrained = true;
      old.onStep?.();
    });
    await this.#until(old, () => old.isDrained || !this.#isRunning(old));
    timer.cancel();
    await old.worker.terminate();
    await this.#until(old, () => !this.#isRunning(old));
    return true;
  }

  #isRunning(one: Running): boolean {
    return this.#running.get(one.number) === one;
  }

  #until(one: Running, isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      one.onStep = () => {
        if (!isSo()) return;
        one.onStep = null;
        resolve();
      };
      one.onStep();
    });
  }

  /** Of the worker that comes beside the others for a while. */
  #freeNumber(): number {
    for (let number = 0; number < this.#concurrency; number++) {
      if (!this.#running.has(number)) return number;
    }
    return this.#concurrency;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.send({ kind: "close" });
    await Promise.all(Array.from(this.#running.values(), ({ worker }) => worker.terminate()));
    if (this.#isHandedOver) return;
    for (const { bound } of this.#listeners) bound?.close();
  }

  /** One worker goes as if it had crashed; resolves when it has. */
  async terminate(number: number): Promise<boolean> {
    const running = this.#running.get(number);
    if (running === undefined) return false;
    await running.worker.terminate();
    return true;
  }

  #spawn(number: number): Running {
    const entry = import.meta.url.endsWith(".ts") ? "./start-worker.ts" : "./start-worker.js";
    const cacheDir = getCompileCacheDir();
    const start: WorkerStart = {
      ...this.#start,
      number,
      workerCount: this.#concurrency,
      compileCacheDir: cacheDir === undefined ? null : dirname(cacheDir),
    };
    const worker = new Worker(new URL(entry, import.meta.url), {
      workerData: start,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
      name: `weft-worker-${number}`,
    });
    const startedAtMs = this.#runtime.clock.monotonicMs();
    const running: Running = {
      number,
      worker,
      startedAtMs,
      waitingFor: this.#listeners.length,
      version: "",
      isDrained: false,
      isRetiring: false,
      onStep: null,
    };
    this.#running.set(number, running);
    worker.on("message", (message: FromWorker) => this.#onMessage(running, message));
    worker.on("error", (error: Error) => {
      this.#runtime.log.error("a worker failed", { worker: number, reason: error.message });
    });
    worker.on("exit", () => this.#exited(running));
    // The tables first: nothing is accepted before they are in force.
    for (const message of this.#events.catchUp()) worker.postMessage(message);
    if (this.#isAccepting) this.#listen(running);
    return running;
  }

  #listen(running: Running): void {
    const { worker } = running;
    running.waitingFor = this.#listeners.length;
    try {
      worker.postMessage({ kind: "listen", orders: this.#orders() } satisfies ToWorker);
    } catch (error) {
      // No descriptor to be had: the worker goes, and the next try is a moment later.
      this.#runtime.log.error("a worker got no sockets", { reason: String(error) });
      void worker.terminate();
    }
  }

  #orders(): ListenOrder[] {
    return this.#listeners.map(({ order, bound }) => this.#orderOf(order, bound));
  }

  #orderOf(order: SharedListener["order"], bound: BoundListener | null): ListenOrder {
    return {
      ...order,
      // A worker that listens by itself takes the port its predecessor had.
      port: this.#ports.get(order.name) ?? order.port,
      insists: this.#ports.has(order.name),
      fd: bound?.duplicate() ?? null,
    };
  }

  #exited(running: Running): void {
    if (this.#running.get(running.number) !== running) return;
    this.#running.delete(running.number);
    this.#events.onDied(running.number);
    running.onStep?.();
    if (this.#isClosing || running.isRetiring) return;
    // A successor that did not come up is not missed: the one it was to replace works on.
    if (this.#servingCount() >= this.#concurrency) return;
    this.replacedCount++;
    const livedMs = this.#runtime.clock.monotonicMs() - running.startedAtMs;
    this.#runtime.log.warn("a worker died and is replaced", { worker: running.number });
    if (livedMs > crashPauseMs) {
      this.#spawn(running.number);
      return;
    }
    this.#runtime.timers.after(crashPauseMs, () => {
      if (!this.#isClosing) this.#spawn(this.#freeNumber());
    });
  }

  /** Whether a worker's end leaves its sockets to others. */
  get canShare(): boolean {
    return this.#listeners.every(({ bound }) => bound !== null);
  }

  #servingCount(): number {
    return [...this.#running.values()].filter(({ isRetiring }) => !isRetiring).length;
  }

  #onMessage(running: Running, message: FromWorker): void {
    switch (message.kind) {
      case "started":
        break;
      case "listening":
        this.#ports.set(message.name, message.port);
        running.waitingFor--;
        running.onStep?.();
        if ([...this.#running.values()].every((one) => one.waitingFor === 0)) this.#onPorts?.();
        break;
      case "configured":
        running.version = message.version;
        running.onStep?.();
        this.#runtime.log.debug("a worker runs the configuration", {
          worker: running.number,
          version: message.version,
        });
        this.#events.onConfigured();
        break;
      case "report":
        this.#balance?.heard(running.number, requestCountOf(message.report));
        this.#events.onReport(running.number, message.report);
        this.#answered(message.id, null);
        break;
      case "limit":
        this.#events.onLimitReached(message.cluster, message.endpoint);
        break;
      case "answer":
        this.#answered(message.id, message.body);
        break;
      case "log":
        this.#runtime.log[message.level](message.message, message.fields);
        break;
      case "accept-again":
        if (!running.isRetiring && !this.#isClosing) this.#listen(running);
        break;
      case "drained":
        running.isDrained = true;
        running.onStep?.();
        if ([...this.#running.values()].every((one) => one.isDrained)) this.#onDrained?.();
        break;
    }
  }

  #collect(message: (id: number) => ToWorker): Promise<unknown[]> {
    const id = this.#nextId++;
    const bodies: unknown[] = [];
    if (this.#running.size === 0) return Promise.resolve(bodies);
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel();
        this.#answers.delete(id);
        resolve(bodies);
      };
      const timer = this.#runtime.timers.after(answerMs, done, { background: true });
      this.#answers.set(id, { count: this.#running.size, bodies, done });
      this.send(message(id));
    });
  }

  #answered(id: number, body: unknown): void {
    const waiting = this.#answers.get(id);
    if (waiting === undefined) return;
    waiting.bodies.push(body);
    if (waiting.bodies.length >= waiting.count) waiting.done();
  }
}

function requestCountOf({ requests }: WorkerReport): number {
  return requests.reduce((sum, delta) => sum + delta.requests, 0);
}
