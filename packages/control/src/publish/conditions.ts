// Writes into statuses what became of objects: whether they are accepted, whether what they point
// at resolves, and on how many proxies they are in force. Judged together a moment after a
// publication, when most proxies have answered; written only where something changed.

import { type ApiObject, type Condition, withCondition } from "@weft/api";
import type { Runtime, Timer } from "@weft/runtime";
import type { Verdict } from "../compile/verdict.ts";
import type { Change } from "../model/change.ts";
import { type Model, type ModelKind, type ObjectKey, splitKey } from "../model/model.ts";
import type { Objects } from "../rest/operations.ts";
import type { ConnectedProxy } from "./connected-proxy.ts";
import { judgeObject, type Judgement } from "./judge-object.ts";
import { ProgressReader } from "./progress.ts";

export interface ConditionsOptions {
  readonly runtime: Runtime;
  readonly objects: Pick<Objects, "patchStatus">;
  readonly model: Model;
  readonly proxies: () => Iterable<ConnectedProxy>;
}

/** An object whose status may be out of date. */
interface Tracked {
  readonly kind: ModelKind;
  readonly key: ObjectKey;
  /** The publication its present form belongs to. */
  readonly publication: number;
}

/** After a publication or an answer, so long is waited for more. */
const SETTLE_MS = 100;
/** How often counts are brought up to date when proxies come and go. */
const REFRESH_MS = 10_000;
const REFRESH_MAX = 100;
/** Writes under way at a time, and how long judging may hold the thread. */
const WRITES_MAX = 8;
const SLICE_MS = 5;
/** Kinds with a status of ours. */
const KINDS: ReadonlySet<string> = new Set([
  "Gateway",
  "GatewayClass",
  "GRPCRoute",
  "HTTPRoute",
  "MeshConfig",
  "PeerAuthentication",
  "Service",
  "TCPRoute",
  "TLSRoute",
  "TrafficPolicy",
]);

export class Conditions {
  readonly #options: ConditionsOptions;
  readonly #tracked = new Map<string, Tracked>();
  /** Those that not every proxy runs yet, or that no proxy is connected to run. */
  readonly #pending = new Set<string>();
  readonly #due = new Set<string>();
  /** Those of them whose counts alone may be out of date. */
  readonly #refreshed = new Set<string>();
  #timer: Timer | null = null;
  readonly #refresh: Timer;
  #lastCount = 0;
  #refreshFrom = Number.MAX_SAFE_INTEGER;
  #isWriting = false;
  #isClosed = false;

  constructor(options: ConditionsOptions) {
    this.#options = options;
    const { timers } = options.runtime;
    this.#refresh = timers.every(REFRESH_MS, () => this.#refreshCounts(), { background: true });
  }

  /** A publication was made; `change` says whose verdicts may be others now. */
  published(change: Change, publication: number): void {
    if (change.isEverything) this.#trackAll(publication);
    for (const judged of change.judged) this.#track(judged, publication);
    this.#schedule();
  }

  /** A proxy answered or left. */
  answered(): void {
    if (this.#pending.size === 0) return;
    for (const judged of this.#pending) this.#due.add(judged);
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#refresh.cancel();
  }

  #trackAll(publication: number): void {
    for (const kind of KINDS) {
      for (const key of this.#options.model.objects[kind as ModelKind].keys()) {
        this.#track(`${kind}/${key}`, publication);
      }
    }
  }

  #track(judged: string, publication: number): void {
    const slash = judged.indexOf("/");
    const kind = judged.slice(0, slash) as ModelKind;
    const key = judged.slice(slash + 1);
    if (!KINDS.has(kind)) return;
    if (!this.#options.model.objects[kind].has(key)) {
      this.#tracked.delete(judged);
      this.#pending.delete(judged);
      this.#due.delete(judged);
      return;
    }
    this.#tracked.set(judged, { kind, key, publication });
    this.#due.add(judged);
  }

  #schedule(): void {
    if (this.#timer !== null || this.#isClosed || this.#due.size === 0) return;
    this.#timer = this.#options.runtime.timers.after(
      SETTLE_MS,
      () => {
        this.#timer = null;
        this.#write().catch((error: unknown) => {
          // A defect of ours; proxies are served all the same.
          this.#isWriting = false;
          this.#options.runtime.log.error(`statuses not judged: ${String(error)}`);
        });
      },
      { background: true },
    );
  }

  /** A status that cannot be written is tried again with the next change. */
  async #write(): Promise<void> {
    if (this.#isWriting) return;
    this.#isWriting = true;
    const { clock, timers } = this.#options.runtime;
    const reader = new ProgressReader(this.#options.proxies());
    const writes = new Set<Promise<void>>();
    let sliceMs = clock.monotonicMs();
    const due = [...this.#due];
    this.#due.clear();
    for (const judged of due) {
      if (this.#isClosed) break;
      const write = this.#judge(judged, reader);
      if (write !== null) {
        const ended = write.finally(() => writes.delete(ended));
        writes.add(ended);
      }
      if (writes.size >= WRITES_MAX) await Promise.race(writes);
      if (clock.monotonicMs() - sliceMs < SLICE_MS) continue;
      await new Promise<void>((resolve) => timers.after(0, resolve));
      sliceMs = clock.monotonicMs();
    }
    await Promise.all(writes);
    this.#isWriting = false;
    this.#schedule();
  }

  /** Null when the status says it all already. */
  #judge(judged: string, reader: ProgressReader): Promise<void> | null {
    const one = this.#tracked.get(judged);
    const known = one && (this.#options.model.objects[one.kind].get(one.key) as ApiObject);
    if (one === undefined || known === undefined) return null;
    const judgement = judgeObject(this.#options.model, one, reader);
    if (judgement === null) return null;
    if (judgement.isPending) this.#pending.add(judged);
    else this.#pending.delete(judged);
    const isRefresh = this.#refreshed.delete(judged);
    const nowMs = this.#options.runtime.clock.nowMs();
    const trial = structuredClone(known);
    writeStatus(trial, judgement, nowMs, isRefresh);
    if (JSON.stringify(trial.status) === JSON.stringify(known.status)) return null;
    return this.#patch(one, (object) => {
      // A newer form of the object is judged when its event has come.
      if (object.metadata.generation !== known.metadata.generation) return;
      writeStatus(object, judgement, nowMs, isRefresh);
    });
  }

  async #patch(one: Tracked, mutate: (object: ApiObject) => void): Promise<void> {
    const { objects, runtime } = this.#options;
    const { namespace, name } = splitKey(one.key);
    try {
      await objects.patchStatus(one.kind, namespace === "" ? null : namespace, name, mutate);
    } catch (error) {
      const fields = { kind: one.kind, object: one.key };
      runtime.log.warn(`status not written: ${String(error)}`, fields);
    }
  }

  /** In small portions: a proxy that comes or goes changes the counts of every object. */
  #refreshCounts(): void {
    const count = [...this.#options.proxies()].length;
    if (count !== this.#lastCount) this.#refreshFrom = 0;
    this.#lastCount = count;
    const all = [...this.#tracked.keys()];
    if (this.#refreshFrom >= all.length) return;
    const portion = all.slice(this.#refreshFrom, this.#refreshFrom + REFRESH_MAX);
    this.#refreshFrom += portion.length;
    for (const judged of portion) {
      this.#due.add(judged);
      this.#refreshed.add(judged);
    }
    this.#schedule();
  }
}

/** Puts a judgement into a status; what others wrote there stays. */
function writeStatus(
  object: ApiObject,
  judgement: Judgement,
  nowMs: number,
  isRefresh: boolean,
): void {
  const status = (object.status ?? {}) as Record<string, unknown>;
  const { generation } = object.metadata;
  const merge = (
    before: readonly Condition[] | undefined,
    verdicts: Judgement["conditions"],
  ): Condition[] => {
    let conditions = [...(before ?? [])];
    for (const { isOptional, ...verdict } of verdicts) {
      const standing = conditions.find((one) => one.type === verdict.type);
      if (isOptional && standing === undefined) continue;
      if (!isRefresh && isStillProgrammed(standing, verdict, generation)) continue;
      const observed = generation === undefined ? {} : { observedGeneration: generation };
      conditions = withCondition(conditions, { ...verdict, ...observed }, nowMs);
    }
    return conditions;
  };
  judgement.apply(status, merge);
  if (Object.keys(status).length > 0) object.status = status;
}

/**
 * What ran everywhere once goes on running while proxies come, go or take other news: only a
 * refusal, or a new form of the object, changes that.
 */
function isStillProgrammed(
  standing: Condition | undefined,
  verdict: Verdict,
  generation: number | undefined,
): boolean {
  if (standing?.type !== "Programmed" || standing.status !== "True") return false;
  return standing.observedGeneration === generation && !FINAL.has(verdict.reason);
}

const FINAL: ReadonlySet<string> = new Set(["Refused", "NotAccepted"]);
