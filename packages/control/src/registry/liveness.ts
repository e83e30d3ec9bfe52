// Which workloads are alive: those whose agent holds a stream open, and for a while those whose
// stream ended. All of it is in memory; only a removal or a mark writes (design section 5,
// "Liveness").

import type { Runtime, Timer } from "@weft/runtime";
import { RemovalBudget, type ServiceEndpoints } from "./removal-budget.ts";

export interface LivenessSettings {
  /** A lost workload is removed after this, unless it returned. */
  readonly lostStreamMs: number;
  /** Stored workloads count as alive for this long after a start. */
  readonly startGraceMs: number;
  readonly removalWindowMs: number;
}

/** What liveness reads and does, by workload key `<namespace>/<name>`. */
export interface LivenessEffects {
  /** The services of one namespace with their endpoints, as of now. */
  services(namespace: string): Promise<readonly ServiceEndpoints[]>;
  /** Takes the workload away if it is still lost when its turn comes; answers whether it did. */
  remove(key: string, isStillLost: () => boolean): Promise<boolean>;
  /** Its agent is gone, but the service would lose too many endpoints: it stays, marked unknown. */
  keep(key: string, service: string): Promise<void>;
}

interface Lost {
  readonly dueMs: number;
  isMarked: boolean;
}

/** Lost workloads that had to stay, and failed removals, are looked at again this often. */
const retryMs = 5_000;

export class Liveness {
  readonly #runtime: Runtime;
  readonly #settings: LivenessSettings;
  readonly #effects: LivenessEffects;
  readonly #budget: RemovalBudget;
  readonly #alive = new Set<string>();
  /** In order of loss. */
  readonly #lost = new Map<string, Lost>();
  #timer: Timer | null = null;
  #isSweeping = false;
  #isClosed = false;

  constructor(runtime: Runtime, settings: LivenessSettings, effects: LivenessEffects) {
    this.#runtime = runtime;
    this.#settings = settings;
    this.#effects = effects;
    this.#budget = new RemovalBudget({ clock: runtime.clock, windowMs: settings.removalWindowMs });
  }

  /** The control plane began to serve: whoever is stored has time to come back. */
  started(storedKeys: Iterable<string>): void {
    for (const key of storedKeys) {
      if (!this.#alive.has(key)) this.#lose(key, this.#settings.startGraceMs);
    }
  }

  /** An agent's stream stands for this workload. */
  attached(key: string): void {
    this.#lost.delete(key);
    this.#alive.add(key);
  }

  /** The stream ended without a word. */
  streamEnded(key: string): void {
    if (this.#alive.delete(key)) this.#lose(key, this.#settings.lostStreamMs);
  }

  /** The workload left in order, or is no longer ours. */
  forget(key: string): void {
    this.#alive.delete(key);
    this.#lost.delete(key);
  }

  isAlive(key: string): boolean {
    return this.#alive.has(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #lose(key: string, afterMs: number): void {
    this.#lost.delete(key);
    this.#lost.set(key, {
      dueMs: this.#runtime.clock.monotonicMs() + afterMs,
      isMarked: false,
    });
    this.#schedule(0);
  }

  /** The next sweep is when the next loss is due, but not before `notBeforeMs` from now. */
  #schedule(notBeforeMs: number): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#isClosed || this.#isSweeping || this.#lost.size === 0) return;
    const nowMs = this.#runtime.clock.monotonicMs();
    let dueMs = Number.POSITIVE_INFINITY;
    for (const lost of this.#lost.values()) {
      // What had to stay has been due for long: it waits for the next look.
      dueMs = Math.min(dueMs, lost.isMarked ? nowMs + retryMs : lost.dueMs);
    }
    const delayMs = Math.max(notBeforeMs, dueMs - nowMs);
    this.#timer = this.#runtime.timers.after(delayMs, () => void this.#sweep(), {
      background: true,
    });
  }

  async #sweep(): Promise<void> {
    this.#timer = null;
    this.#isSweeping = true;
    let failed = false;
    for (const [namespace, keys] of this.#dueByNamespace()) {
      try {
        await this.#removeOf(namespace, keys);
      } catch (error) {
        failed = true;
        this.#runtime.log.warn("lost workloads could not be removed; trying again", {
          namespace,
          reason: error instanceof Error ? error.message : String(error),
        });
      }
    }
    this.#isSweeping = false;
    this.#schedule(failed ? retryMs : 0);
  }

  #dueByNamespace(): Map<string, string[]> {
    const nowMs = this.#runtime.clock.monotonicMs();
    const due = new Map<string, string[]>();
    for (const [key, lost] of this.#lost) {
      if (lost.dueMs > nowMs) continue;
      const namespace = key.slice(0, key.indexOf("/"));
      const keys = due.get(namespace);
      if (keys === undefined) due.set(namespace, [key]);
      else keys.push(key);
    }
    return due;
  }

  async #removeOf(namespace: string, keys: readonly string[]): Promise<void> {
    const services = await this.#effects.services(namespace);
    const { remove, keep } = this.#budget.plan(keys, services);
    for (const key of remove) {
      if (this.#isClosed) return;
      const isStillLost = (): boolean => this.#lost.has(key) && !this.#isClosed;
      if (await this.#effects.remove(key, isStillLost)) this.#budget.spend(key, services);
      this.#lost.delete(key);
    }
    for (const [key, service] of keep) {
      const lost = this.#lost.get(key);
      if (lost === undefined || lost.isMarked || this.#isClosed) continue;
      await this.#effects.keep(key, service);
      lost.isMarked = true;
    }
  }
}
