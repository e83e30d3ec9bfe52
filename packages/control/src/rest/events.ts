// Events: what happened to an object, for `kubectl describe` and `weft describe`. The same text
// about the same object is counted instead of repeated, written at most once in ten seconds, and
// forgotten an hour after it last happened.

import type { Event, KindInfo } from "@weft/api";
import type { Timer } from "@weft/runtime";
import { keyPrefix } from "./catalog.ts";
import { decodeStored } from "./codec.ts";
import type { EventText, InvolvedObject } from "./objects.ts";
import { changeObject, createObject, type Workspace, type WriteContext } from "./operations.ts";
import { timestamp } from "./prepare.ts";
import { notFound } from "./status.ts";

export interface EventRecorder {
  /** Never rejects: an event that cannot be kept is only logged. */
  record(involved: InvolvedObject, text: EventText): Promise<void>;
  close(): void;
}

const lifetimeMs = 3_600_000;
const sweepPeriodMs = 300_000;
const writePeriodMs = 10_000;
/** Texts remembered for counting. */
const seriesMax = 1000;

interface Series {
  readonly namespace: string;
  /** "" until the first write has succeeded. */
  name: string;
  /** Repetitions not written yet. */
  unwritten: number;
  writtenAtMs: number;
}

export function createEventRecorder(workspace: Workspace): EventRecorder {
  const info = workspace.catalog.ofKind("Event");
  if (info === null) return { record: async () => {}, close: () => {} };
  const { clock, timers, log } = workspace.runtime;
  const recent = new Map<string, Series>();
  const sweep: Timer = timers.every(sweepPeriodMs, () => void forgetOld(workspace, info), {
    background: true,
  });
  return {
    async record(involved, text) {
      const series = seriesOf(recent, involved, text);
      series.unwritten++;
      if (series.name !== "" && clock.nowMs() - series.writtenAtMs < writePeriodMs) return;
      series.writtenAtMs = clock.nowMs();
      try {
        await write(workspace, info, series, involved, text);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        log.debug("event was not kept", { reason: text.reason, message: text.message, why });
      }
    },
    close: () => sweep.cancel(),
  };
}

function seriesOf(recent: Map<string, Series>, involved: InvolvedObject, text: EventText): Series {
  const { kind, namespace = "", name, uid = "" } = involved;
  const key = [kind, namespace, name, uid, text.type, text.reason, text.message].join("\0");
  let series = recent.get(key);
  if (series === undefined) {
    const place = namespace === "" ? "default" : namespace;
    series = { namespace: place, name: "", unwritten: 0, writtenAtMs: 0 };
    const oldest = recent.keys().next().value;
    if (recent.size >= seriesMax && oldest !== undefined) recent.delete(oldest);
  } else recent.delete(key);
  // Last in the map is latest in use.
  recent.set(key, series);
  return series;
}

async function write(
  workspace: Workspace,
  info: KindInfo,
  series: Series,
  involved: InvolvedObject,
  text: EventText,
): Promise<void> {
  const context: WriteContext = {
    info,
    version: info.version,
    namespace: series.namespace,
    manager: text.component,
    subresource: "",
    isDryRun: false,
  };
  const count = series.unwritten;
  series.unwritten = 0;
  const now = timestamp(workspace.runtime);
  if (series.name !== "") {
    const isCounted = await addCount(workspace, context, series.name, count, now);
    if (isCounted) return;
  }
  const suffix = Buffer.from(workspace.runtime.random.bytes(8)).toString("hex");
  const name = `${involved.name.slice(0, 200)}.${suffix}`;
  const event: Event = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace: series.namespace },
    involvedObject: { ...involved },
    type: text.type,
    reason: text.reason,
    message: text.message.slice(0, 1024),
    count,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component: text.component },
    reportingComponent: text.component,
  };
  await createObject(workspace, context, event);
  series.name = name;
}

/** False when the event written before is gone. */
async function addCount(
  workspace: Workspace,
  context: WriteContext,
  name: string,
  count: number,
  now: string,
): Promise<boolean> {
  try {
    await changeObject(workspace, context, name, (standing) => {
      if (standing === null) throw notFound(context.info, name);
      const event = standing as Event;
      const object = { ...event, count: (event.count ?? 1) + count, lastTimestamp: now };
      return { object, managedFields: null };
    });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 404) return false;
    throw error;
  }
}

async function forgetOld(workspace: Workspace, info: KindInfo): Promise<void> {
  const { store, runtime } = workspace;
  const oldestMs = runtime.clock.nowMs() - lifetimeMs;
  const list = await store.list({ prefix: keyPrefix(info, null) });
  const old = list.items.filter((item) => {
    const event = decodeStored(item) as Event;
    const last = event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp;
    return last === undefined || !(Date.parse(last) >= oldestMs);
  });
  await Promise.allSettled(old.map((item) => store.delete(item.key, item.modRevision)));
}
