// Steady load from the test's own process: an open loop of requests over kept connections, every
// outcome counted.

import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

export interface Outcome {
  /** Milliseconds since the load began. */
  readonly atMs: number;
  /** HTTP status, or 0 when no response came. */
  readonly status: number;
  /** The header `x-version`, or "". */
  readonly version: string;
  readonly error: string;
  readonly durationMs: number;
}

export interface LoadOptions {
  /** In messages. */
  readonly name?: string;
  /** Default GET. */
  readonly method?: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ratePerSecond: number;
  readonly connections?: number;
  /** A connection for each request. */
  readonly isFresh?: boolean;
  /** What the content of an answer must hold; without it a 200 is a failure too. */
  readonly expects?: string;
}

export class SteadyLoad {
  readonly outcomes: Outcome[] = [];
  readonly #agent: Agent;
  readonly #options: LoadOptions;
  readonly #begun = performance.now();
  #inFlight = 0;
  #isStopped = false;
  readonly #loop: Promise<void>;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { connections = 16, isFresh = false } = options;
    this.#agent = new Agent({ keepAlive: !isFresh, maxSockets: connections });
    this.#loop = this.#run();
  }

  get name(): string {
    return this.#options.name ?? "";
  }

  get elapsedMs(): number {
    return performance.now() - this.#begun;
  }

  /** Outcomes of requests begun in the stretch. */
  between(fromMs: number, toMs: number): Outcome[] {
    return this.outcomes.filter((outcome) => outcome.atMs >= fromMs && outcome.atMs < toMs);
  }

  failures(): Outcome[] {
    return this.outcomes.filter((outcome) => outcome.status !== 200);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
    for (let waited = 0; this.#inFlight > 0 && waited < 10_000; waited += 20) await delay(20);
    this.#agent.destroy();
  }

  async #run(): Promise<void> {
    let sent = 0;
    while (!this.#isStopped) {
      const due = Math.floor((this.elapsedMs / 1000) * this.#options.ratePerSecond);
      for (; sent < due; sent++) this.#send();
      await delay(5);
    }
  }

  #send(): void {
    const { expects, headers, host = "127.0.0.1", method = "GET" } = this.#options;
    const { path = "/", port } = this.#options;
    const atMs = this.elapsedMs;
    this.#inFlight++;
    let isDone = false;
    const finish = (status: number, version: string, error: string): void => {
      if (isDone) return;
      isDone = true;
      this.#inFlight--;
      this.outcomes.push({ atMs, status, version, error, durationMs: this.elapsedMs - atMs });
    };
    const outgoing = request(
      {
        host,
        port,
        method,
        path,
        agent: this.#agent,
        ...(headers === undefined ? {} : { headers }),
      },
      (incoming) => {
        const status = incoming.statusCode ?? 0;
        const version = String(incoming.headers["x-version"] ?? "");
        // What is no success says why in its content.
        let content = "";
        if (status === 200 && expects === undefined) incoming.resume();
        else incoming.on("data", (chunk: Buffer) => (content += chunk.toString()));
        incoming.once("end", () => {
          const isWrong = expects !== undefined && !content.includes(expects);
          const isSaid = isWrong || status !== 200;
          finish(isWrong ? 0 : status, version, isSaid ? content.trim() : "");
        });
        incoming.once("error", (error) => finish(0, "", error.message));
      },
    );
    outgoing.setTimeout(15_000, () => outgoing.destroy(new Error("no answer in 15 s")));
    outgoing.once("error", (error) => finish(0, "", error.message));
    outgoing.end();
  }
}

/** The share of one version among the answered, 0 to 1. */
export function shareOf(outcomes: readonly Outcome[], version: string): number {
  const answered = outcomes.filter((outcome) => outcome.status === 200);
  return answered.filter((outcome) => outcome.version === version).length / answered.length;
}

/** What failed, grouped, for an assertion's message. */
export function describeFailures(outcomes: readonly Outcome[]): string {
  const groups = new Map<string, number[]>();
  for (const { atMs, error, status } of outcomes) {
    const key = `${status} ${error}`;
    groups.set(key, [...(groups.get(key) ?? []), Math.round(atMs)]);
  }
  return [...groups]
    .map(([key, at]) => `${at.length} × ${key} at ${at.slice(0, 5).join(", ")} ms`)
    .join("; ");
}
