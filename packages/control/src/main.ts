// Composes a control plane: store, model and publisher, certificate authority, registry, REST API
// and gRPC port. Nothing is written before the data directory is ours; what fails on the way is
// undone.

import type { Runtime } from "@weft/runtime";
import { compileRegex } from "@weft/rules";
import { makeBackup, restoreBackup, storePath } from "./backup.ts";
import { type Authority, openAuthority } from "./ca/authority.ts";
import { lockDataDirectory } from "./data-directory.ts";
import { MeshError } from "./errors.ts";
import { type GrpcPort, openGrpcPort } from "./grpc/port.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { createPublisher, type Publisher } from "./publish/publisher.ts";
import { Registry } from "./registry/registry.ts";
import { openHttp, refuseListen } from "./rest/http.ts";
import type { RestRoute } from "./rest/request.ts";
import { createRest, type Rest } from "./rest/rest.ts";
import { type ControlSettings, defaultSettings } from "./settings.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import { type FileStore, StoreError } from "./store/store.ts";
import { ControlCounts, writeControlMetrics } from "./telemetry/control-metrics.ts";
import { takeLoadReport } from "./telemetry/load-reports.ts";
import { ServiceStats } from "./telemetry/service-stats.ts";

export interface ControlPlaneOptions {
  readonly runtime: Runtime;
  /** Holds store, CA and the local join secret; made when it is missing. */
  readonly dataDir: string;
  /** REST API, `host:port`; port 0 for a free one. Default 127.0.0.1:7070. */
  readonly listen?: string;
  /** gRPC, `host:port`; port 0 for a free one. Default 127.0.0.1:7071. */
  readonly xdsListen?: string;
  /** A backup to put into the empty data directory first. */
  readonly restore?: string;
  readonly settings?: Partial<ControlSettings>;
  readonly version?: string;
}

/** A running control plane. */
export interface ControlPlane {
  /** `host:port` as bound. */
  readonly apiAddress: string;
  readonly xdsAddress: string;
  readonly trustDomain: string;
  /** Every stored object has been read and proxies are being served. */
  readonly ready: Promise<void>;
  /** Ends streams, writes what is pending, releases the data directory. */
  close(): Promise<void>;
}

/** Throws a MeshError that names what is in the way; nothing is left running then. */
export async function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const refusal = refuseListen(options.listen ?? defaultListen, false);
  if (refusal !== null) throw new MeshError("listen-beyond-loopback", refusal);
  const closers = new Closers();
  try {
    return await compose(options, closers);
  } catch (error) {
    await closers.close();
    throw error;
  }
}

const defaultListen = "127.0.0.1:7070";
const defaultXdsListen = "127.0.0.1:7071";

async function compose(options: ControlPlaneOptions, closers: Closers): Promise<ControlPlane> {
  const { runtime, dataDir, version = "0.0.0" } = options;
  const settings: ControlSettings = { ...defaultSettings, ...options.settings };
  const startedAt = new Date(runtime.clock.nowMs()).toISOString();
  const lock = await lockDataDirectory(dataDir);
  closers.add(() => lock.release());
  if (options.restore !== undefined) {
    const { revision } = await restoreBackup(options.restore, dataDir);
    runtime.log.info("backup restored", { file: options.restore, revision });
  }
  const authority = await openAuthority({ runtime, dir: dataDir, settings });
  closers.add(() => authority.close());
  const store = await openStore(runtime, dataDir);
  closers.add(() => store.close());
  const parts = await openParts({ runtime, dataDir, version, settings, authority, store }, closers);
  const port = await openGrpcPort({
    ...parts,
    runtime,
    authority,
    listen: options.xdsListen ?? defaultXdsListen,
    onSigned: (outcome) => parts.counts.signed(outcome),
  });
  closers.add(() => port.close());
  // Agents are told before their connections are cut.
  closers.add(() => parts.registry.close());
  parts.portOpened(port);
  const http = await openHttp({
    runtime,
    rest: parts.rest,
    listen: options.listen ?? defaultListen,
  });
  closers.add(() => http.close());
  const { pid } = process;
  const addresses = { apiAddress: http.address, xdsAddress: port.address };
  await lock.announce({ pid, ...addresses, startedAt, version }).catch((error: unknown) => {
    // A full disk does not keep proxies from their configuration; `weft down` will not find us.
    runtime.log.warn("the data directory could not be marked", { reason: String(error) });
  });
  const ready = parts.serve();
  // Whoever waits for it hears of a failure; nobody has to wait.
  ready.catch(() => undefined);
  runtime.log.info("control plane listens", addresses);
  return { ...addresses, trustDomain: authority.trustDomain, ready, close: () => closers.close() };
}

interface PartsOptions {
  readonly runtime: Runtime;
  readonly dataDir: string;
  readonly version: string;
  readonly settings: ControlSettings;
  readonly authority: Authority;
  readonly store: FileStore;
}

interface Parts {
  readonly rest: Rest;
  readonly publisher: Publisher;
  readonly registry: Registry;
  readonly counts: ControlCounts;
  /** The metrics read it. */
  portOpened(port: GrpcPort): void;
  /** Resolves when the store has been read and stored workloads have their time to return. */
  serve(): Promise<void>;
}

/** Everything between the store and the ports. */
async function openParts(options: PartsOptions, closers: Closers): Promise<Parts> {
  const { runtime, version, settings, authority, store } = options;
  const counts = new ControlCounts();
  const stats = new ServiceStats({ clock: runtime.clock, windowMs: settings.statWindowMs });
  let isServing = false;
  let routes: RestRoute | null = null;
  const rest = createRest({
    runtime,
    store,
    version,
    regexError: (pattern) => {
      const compiled = compileRegex(pattern);
      return "refusal" in compiled ? compiled.refusal : null;
    },
    routes: [(request) => routes?.(request) ?? null],
    notReady: () => (isServing ? null : "the store is being read"),
    onResponse: ({ method }, status, durationMs) => counts.request(method, status, durationMs),
  });
  closers.add(() => rest.close());
  await rest.prepare();
  const { objects } = rest;
  const publisher = createPublisher({
    runtime,
    objects,
    roots: authority,
    trustDomain: authority.trustDomain,
  });
  closers.add(() => publisher.close());
  const registry = new Registry({
    runtime,
    objects,
    authority,
    settings,
    version,
    settled: (revision) => publisher.settled(revision),
    onLoad: (workload, report) => takeLoadReport(stats, workload, report),
  });
  closers.add(() => registry.close());
  let port: GrpcPort | null = null;
  routes = operatorRoutes({
    ...{ runtime, objects, authority, registry, publisher, stats, version },
    readOnlyReason: () => store.readOnlyReason(),
    backup: () => makeBackup(options),
    metrics: () => writeControlMetrics(counts, readings(options, { publisher, registry, port })),
  });
  return {
    rest,
    publisher,
    registry,
    counts,
    portOpened: (opened) => {
      port = opened;
    },
    async serve() {
      await publisher.synced;
      await registry.started();
      isServing = true;
    },
  };
}

function readings(
  options: PartsOptions,
  parts: { publisher: Publisher; registry: Registry; port: GrpcPort | null },
): Parameters<typeof writeControlMetrics>[1] {
  const { publisher, registry, port } = parts;
  const { user, system } = process.cpuUsage();
  return {
    version: options.version,
    nowMs: options.runtime.clock.nowMs(),
    agents: registry.connected().size,
    storeRevision: options.store.revision(),
    isStoreReadOnly: options.store.readOnlyReason() !== null,
    serverCertNotAfterMs: port?.certNotAfterMs() ?? 0,
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    publisher: publisher.figures(),
    xds: port?.xds.figures() ?? { streams: 0, responses: 0, bytes: 0 },
  };
}

async function openStore(runtime: Runtime, dataDir: string): Promise<FileStore> {
  const file = storePath(dataDir);
  try {
    return await openSqliteStore({ runtime, file });
  } catch (error) {
    if (error instanceof StoreError) {
      throw new MeshError("store-unusable", error.message, { cause: error });
    }
    throw error;
  }
}

/** What has been opened, closed in the opposite order, once. */
class Closers {
  readonly #open: (() => void | Promise<void>)[] = [];
  #closing: Promise<void> | null = null;

  add(close: () => void | Promise<void>): void {
    this.#open.push(close);
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#open.reverse()) {
      try {
        await close();
      } catch (error) {
        // What comes after it, the lock of the data directory last, has to be closed all the same.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
