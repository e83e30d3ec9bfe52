// How many endpoints lost streams may take away: of any service at most half within a minute,
// rounded up, and never the last one (design section 5, "Liveness"). Pure but for the clock.

import type { Clock } from "@weft/runtime";

/** A service and the workloads that are endpoints of it now. */
export interface ServiceEndpoints {
  readonly service: string;
  readonly workloads: readonly string[];
}

export interface RemovalPlan {
  /** Oldest loss first. */
  readonly remove: readonly string[];
  /** Those that stay, with the service that would have lost too many. */
  readonly keep: ReadonlyMap<string, string>;
}

interface Removal {
  readonly service: string;
  readonly atMs: number;
}

export class RemovalBudget {
  readonly #clock: Clock;
  readonly #windowMs: number;
  #removals: Removal[] = [];

  constructor(options: { clock: Clock; windowMs: number }) {
    this.#clock = options.clock;
    this.#windowMs = options.windowMs;
  }

  /** Which of the lost workloads (oldest first) may go now. */
  plan(lost: readonly string[], services: readonly ServiceEndpoints[]): RemovalPlan {
    this.#forgetOld();
    const counts = services.map((one) => {
      const removed = this.#removals.filter(({ service }) => service === one.service).length;
      const left = one.workloads.length;
      return { ...one, members: new Set(one.workloads), left, removed, total: left + removed };
    });
    const remove: string[] = [];
    const keep = new Map<string, string>();
    for (const workload of lost) {
      const touched = counts.filter(({ members }) => members.has(workload));
      const refusing = touched.find(
        ({ left, removed, total }) => left <= 1 || removed + 1 > Math.ceil(total / 2),
      );
      if (refusing !== undefined) {
        keep.set(workload, refusing.service);
        continue;
      }
      remove.push(workload);
      for (const count of touched) {
        count.left--;
        count.removed++;
      }
    }
    return { remove, keep };
  }

  /** A lost workload was removed; its services remember for as long as the window. */
  spend(workload: string, services: readonly ServiceEndpoints[]): void {
    const atMs = this.#clock.monotonicMs();
    for (const { service, workloads } of services) {
      if (workloads.includes(workload)) this.#removals.push({ service, atMs });
    }
  }

  #forgetOld(): void {
    const sinceMs = this.#clock.monotonicMs() - this.#windowMs;
    this.#removals = this.#removals.filter(({ atMs }) => atMs > sinceMs);
  }
}
