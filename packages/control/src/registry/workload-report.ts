// What an agent says of its workload, on its way into the Workload's status. Only the newest word
// of each kind counts: health is written at once, the proxy's figures at most every second.

import { type Condition, withCondition, type Workload, type WorkloadStatus } from "@weft/api";
import type { Runtime, Timer } from "@weft/runtime";
import type { Health, ProxyStatus } from "@weft/xds/messages/weft/v1/agent.js";

type ProxyFields = NonNullable<WorkloadStatus["proxy"]>;

export interface WorkloadReportOptions {
  readonly runtime: Runtime;
  /** Applies a change to the workload's status. */
  readonly write: (mutate: (workload: Workload) => void) => Promise<void>;
}

const proxyPeriodMs = 1_000;
const retryMs = 2_000;

export class WorkloadReport {
  readonly #runtime: Runtime;
  readonly #write: WorkloadReportOptions["write"];
  #health: Health | null = null;
  #proxy: ProxyStatus | null = null;
  #timer: Timer | null = null;
  #writing: Promise<void> | null = null;
  #lastWriteMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: WorkloadReportOptions) {
    this.#runtime = options.runtime;
    this.#write = options.write;
  }

  health(health: Health): void {
    this.#health = health;
    this.#schedule(0);
  }

  proxy(status: ProxyStatus): void {
    this.#proxy = status;
    const dueMs = this.#lastWriteMs + proxyPeriodMs - this.#runtime.clock.monotonicMs();
    this.#schedule(Math.max(0, dueMs));
  }

  /** Nothing more is written once this resolves. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#writing;
  }

  #schedule(afterMs: number): void {
    if (this.#isClosed || this.#writing !== null) return;
    if (afterMs === 0) {
      this.#timer?.cancel();
      this.#timer = null;
      this.#writing = this.#flush();
    } else {
      this.#timer ??= this.#runtime.timers.after(afterMs, () => this.#onTimer(), {
        background: true,
      });
    }
  }

  #onTimer(): void {
    this.#timer = null;
    this.#schedule(0);
  }

  async #flush(): Promise<void> {
    const health = this.#health;
    const proxy = this.#proxy;
    this.#health = null;
    this.#proxy = null;
    let failed = false;
    try {
      await this.#write((workload) => {
        if (health !== null) setReady(workload, readyCondition(health), this.#nowMs());
        if (proxy !== null) setProxy(workload, proxy);
      });
    } catch (error) {
      failed = true;
      this.#health ??= health;
      this.#proxy ??= proxy;
      this.#runtime.log.warn("a workload's status could not be written; trying again", {
        reason: error instanceof Error ? error.message : String(error),
      });
    }
    this.#lastWriteMs = this.#runtime.clock.monotonicMs();
    this.#writing = null;
    if (failed) this.#schedule(retryMs);
    else if (this.#health !== null) this.#schedule(0);
    else if (this.#proxy !== null) this.#schedule(proxyPeriodMs);
  }

  #nowMs(): number {
    return this.#runtime.clock.nowMs();
  }
}

export type ReadyCondition = Pick<Condition, "status" | "reason" | "message">;

export function setReady(workload: Workload, ready: ReadyCondition, nowMs: number): void {
  const { generation } = workload.metadata;
  const condition = {
    type: "Ready",
    ...ready,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  workload.status ??= {};
  workload.status.conditions = withCondition(workload.status.conditions, condition, nowMs);
}

function readyCondition(health: Health): ReadyCondition {
  const isWord = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/.test(health.reason);
  return {
    status: health.ready ? "True" : "False",
    reason: isWord ? health.reason : health.ready ? "Healthy" : "HealthCheckFailed",
    message: health.message.slice(0, 1024),
  };
}

function setProxy(workload: Workload, status: ProxyStatus): void {
  const ports = {
    adminPort: status.adminPort,
    metricsPort: status.metricsPort,
    outboundPort: status.outboundPort,
    dnsPort: status.dnsPort,
  };
  const known = Object.entries(ports).filter(([, port]) => port !== 0);
  const proxy: ProxyFields = {
    kind: status.kind,
    version: status.version,
    configVersion: status.configVersion,
    ...Object.fromEntries(known),
  };
  workload.status ??= {};
  workload.status.proxy = proxy;
}
