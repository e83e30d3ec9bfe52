// `ClusterLoadAssignment`, incrementally: of ten thousand endpoints of which one changed, one is
// decoded. The entries of a locality are compared with those of its last version as bytes. Where
// the bytes are the same from an entry's first byte on, reading them gives the same entries, so
// their rows are taken over; where they differ, one entry is decoded, and the search for common
// ground goes on behind it.

import { HealthStatus } from "@weft/xds/messages/envoy/config/core/v3/health_check.js";
import type { Address } from "@weft/xds/messages/envoy/config/core/v3/address.js";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import {
  LbEndpoint,
  LocalityLbEndpoints,
} from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint_components.js";
import {
  type EndpointHealth,
  EndpointRow,
  EndpointTable,
  type LocalityBytes,
} from "./endpoint-table.ts";
import { ProtoError, ProtoScan } from "./proto-scan.ts";
import type { Scope } from "./scope.ts";
import { weftMetadata } from "./weft-metadata.ts";

const localitiesField = 2;
const entriesField = 2;

/** Yields now and then, so that the caller can rest. Null when something was refused. */
export function* compileEndpoints(
  bytes: Uint8Array,
  before: EndpointTable | null,
  scope: Scope,
): Generator<undefined, EndpointTable | null> {
  const errorsBefore = scope.errorCount;
  const reading = new Reading(bytes, before, scope);
  const rest: Uint8Array[] = [];
  const scan = new ProtoScan(bytes, 0, bytes.length);
  while (scan.next()) {
    if (scan.field === localitiesField) yield* reading.locality(scan.from, scan.to);
    else rest.push(bytes.subarray(scan.start, scan.to));
  }
  const message = ClusterLoadAssignment.decode(Buffer.concat(rest));
  scope.refuseOthers(message, new Set(["clusterName"]));
  if (message.clusterName === "") scope.at("cluster_name").refuse("is missing");
  refuseRepeats(reading.rows, reading.fresh, scope);
  if (scope.errorCount > errorsBefore) return null;
  return new EndpointTable(message.clusterName, reading.rows, bytes, reading.localities);
}

/** The same for a message that is part of another: the endpoints of a static cluster. */
export function compileInlineEndpoints(
  message: ClusterLoadAssignment,
  scope: Scope,
): EndpointTable | null {
  const steps = compileEndpoints(ClusterLoadAssignment.encode(message).finish(), null, scope);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const localityFields: ReadonlySet<string> = new Set(["locality", "loadBalancingWeight"]);

/** Entries decoded, or runs of entries taken over, between two rests. */
const stepsPerRest = 64;

/** How many old entries may have gone before the next common one is no longer looked for. */
const goneMax = 8;

/** Entries of the last version, [from, to), that come next in this one. */
interface SharedRun {
  readonly from: number;
  readonly to: number;
}

class Reading {
  readonly rows: EndpointRow[] = [];
  /** Rows that were decoded anew. */
  readonly fresh: EndpointRow[] = [];
  readonly localities: LocalityBytes[] = [];
  readonly #bytes: Buffer;
  readonly #oldBytes: Buffer;
  readonly #before: EndpointTable | null;
  readonly #scope: Scope;

  constructor(bytes: Uint8Array, before: EndpointTable | null, scope: Scope) {
    this.#bytes = asBuffer(bytes);
    this.#oldBytes = asBuffer(before?.bytes ?? new Uint8Array(0));
    this.#before = before;
    this.#scope = scope;
  }

  /** The locality message at [from, to): what it is, then its endpoints, then the rest. */
  *locality(from: number, to: number): Generator<undefined, void> {
    const scope = this.#scope.item("endpoints", this.localities.length);
    const scan = new ProtoScan(this.#bytes, from, to);
    const rest: Uint8Array[] = [];
    let isEntry = false;
    while (!isEntry && scan.next()) {
      isEntry = scan.field === entriesField;
      if (!isEntry) rest.push(this.#bytes.subarray(scan.start, scan.to));
    }
    const entriesFrom = isEntry ? scan.start : to;
    const { region, zone, subZone } = placeOf(rest);
    scan.at = entriesFrom;
    const ends: number[] = [];
    const place = { from: entriesFrom, firstRow: this.rows.length, region, zone, subZone };
    yield* this.#entries(scan, to, place, ends, scope);
    this.localities.push({ ...place, ends: Uint32Array.from(ends) });
    while (scan.next()) {
      if (scan.field === entriesField) throw new ProtoError("endpoints are interleaved");
      rest.push(this.#bytes.subarray(scan.start, scan.to));
    }
    scope.refuseOthers(LocalityLbEndpoints.decode(Buffer.concat(rest)), localityFields);
  }

  /** Reads entries until something else, or nothing, comes. */
  *#entries(
    scan: ProtoScan,
    to: number,
    place: Omit<LocalityBytes, "ends">,
    ends: number[],
    scope: Scope,
  ): Generator<undefined, void> {
    const old = this.#lastVersionOf(place);
    let oldIndex = 0;
    for (let steps = 1; scan.at < to; steps++) {
      if (steps % stepsPerRest === 0) yield;
      const run = old === null ? null : this.#sharedRun(old, oldIndex, scan.at, to);
      if (old !== null && run !== null) {
        scan.at += this.#takeOver(old, run, scan.at - place.from, ends);
        oldIndex = run.to;
        continue;
      }
      const start = scan.at;
      scan.next();
      if (scan.field !== entriesField) {
        scan.at = start;
        return;
      }
      ends.push(scan.to - place.from);
      const message = LbEndpoint.decode(this.#bytes.subarray(scan.from, scan.to));
      const at = scope.item("lb_endpoints", ends.length - 1);
      const row = compileEndpoint(message, place.region, place.zone, at);
      if (row === null) continue;
      this.rows.push(row);
      this.fresh.push(row);
    }
  }

  #lastVersionOf(place: Omit<LocalityBytes, "ends">): LocalityBytes | null {
    for (const old of this.#before?.localities ?? []) {
      const isSame = old.region === place.region && old.zone === place.zone;
      if (isSame && old.subZone === place.subZone) return old;
    }
    return null;
  }

  /** Old entries, from `index` or a little after it, whose bytes stand at `at`. */
  #sharedRun(old: LocalityBytes, index: number, at: number, to: number): SharedRun | null {
    const last = Math.min(index + goneMax, old.ends.length - 1);
    for (let from = index; from <= last; from++) {
      const oldFrom = old.from + startOf(old, from);
      const length = old.from + (old.ends[from] as number) - oldFrom;
      if (at + length > to || !this.#isEqual(oldFrom, at, length)) continue;
      const max = Math.min(to - at, old.from + (old.ends.at(-1) as number) - oldFrom);
      const shared = this.#sharedLength(oldFrom, at, max);
      return { from, to: lastEndWithin(old, from, startOf(old, from) + shared) };
    }
    return null;
  }

  /** Takes a run's rows; answers the length of its bytes. `at` counts from the first entry. */
  #takeOver(old: LocalityBytes, run: SharedRun, at: number, ends: number[]): number {
    const before = this.#before as EndpointTable;
    const start = startOf(old, run.from);
    for (let i = run.from; i < run.to; i++) {
      this.rows.push(before.rows[old.firstRow + i] as EndpointRow);
      ends.push(at + (old.ends[i] as number) - start);
    }
    return (old.ends[run.to - 1] as number) - start;
  }

  #isEqual(oldFrom: number, from: number, length: number): boolean {
    const difference = this.#bytes.compare(
      this.#oldBytes,
      oldFrom,
      oldFrom + length,
      from,
      from + length,
    );
    return difference === 0;
  }

  /** How many bytes are the same: large pieces while they are, then ever smaller ones. */
  #sharedLength(oldFrom: number, from: number, max: number): number {
    let shared = 0;
    for (let piece = 1 << 16; piece > 0; ) {
      const length = Math.min(piece, max - shared);
      if (length === 0) break;
      if (this.#isEqual(oldFrom + shared, from + shared, length)) shared += length;
      else piece >>= 1;
    }
    return shared;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function placeOf(parts: readonly Uint8Array[]): { region: string; zone: string; subZone: string } {
  const { locality } = LocalityLbEndpoints.decode(Buffer.concat(parts));
  return locality ?? { region: "", zone: "", subZone: "" };
}

function startOf(locality: LocalityBytes, index: number): number {
  return index === 0 ? 0 : (locality.ends[index - 1] as number);
}

/** The index after the last entry that ends at or before `offset`. */
function lastEndWithin(locality: LocalityBytes, from: number, offset: number): number {
  let low = from;
  let high = locality.ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((locality.ends[middle] as number) <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

const entryFields: ReadonlySet<string> = new Set([
  "hostIdentifier",
  "healthStatus",
  "metadata",
  "loadBalancingWeight",
]);

const healths: ReadonlyMap<number, EndpointHealth> = new Map<number, EndpointHealth>([
  [HealthStatus.UNKNOWN, "healthy"],
  [HealthStatus.HEALTHY, "healthy"],
  [HealthStatus.UNHEALTHY, "unhealthy"],
  [HealthStatus.DRAINING, "draining"],
  [HealthStatus.TIMEOUT, "unhealthy"],
  [HealthStatus.DEGRADED, "degraded"],
]);

function compileEndpoint(
  message: LbEndpoint,
  region: string,
  zone: string,
  scope: Scope,
): EndpointRow | null {
  scope.refuseOthers(message, entryFields);
  const { hostIdentifier: identifier, loadBalancingWeight: weight = 1 } = message;
  if (identifier?.$case !== "endpoint") return scope.at("endpoint").refuse("is missing");
  scope.at("endpoint").refuseOthers(identifier.endpoint, new Set(["address", "hostname"]));
  const place = socketAddress(identifier.endpoint.address, scope.at("endpoint").at("address"));
  const health = healths.get(message.healthStatus);
  if (health === undefined) return scope.at("health_status").refuse("is unknown");
  if (weight < 1) return scope.at("load_balancing_weight").refuse("must be at least 1");
  const weft = weftMetadata(message.metadata, scope);
  const workload = weft.text("workload");
  const identity = weft.text("identity");
  const version = weft.text("version");
  weft.finish();
  const match = message.metadata?.filterMetadata[transportMatchSection];
  const transportMatch = textPairs(match, scope.at(transportMatchSection));
  if (place === null) return null;
  const key = addressKey(place.address, place.port);
  const labels = { workload, identity, version };
  return new EndpointRow({
    key,
    ...place,
    health,
    weight,
    region,
    zone,
    transportMatch,
    ...labels,
  });
}

const transportMatchSection = "envoy.transport_socket_match";

/** [name, value, …] of a Struct whose values are texts. */
export function textPairs(
  fields: Readonly<Record<string, unknown>> | undefined,
  scope: Scope,
): readonly string[] {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (typeof value === "string") pairs.push(name, value);
    else scope.at(name).refuse("must be a string");
  }
  return pairs;
}

/** An IP address and a port: names are resolved by the control plane, never here. */
export function socketAddress(
  message: Address | undefined,
  scope: Scope,
): { address: string; port: number } | null {
  if (message?.address?.$case !== "socketAddress") {
    return scope.refuse("must be a socket address");
  }
  const { address, portSpecifier } = message.address.socketAddress;
  if (!/^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)$/.test(address)) {
    return scope.refuse(`${JSON.stringify(address)} is not an IP address`);
  }
  if (portSpecifier?.$case !== "portValue" || portSpecifier.portValue > 65535) {
    return scope.refuse("must have a port of at most 65535");
  }
  return { address, port: portSpecifier.portValue };
}

function addressKey(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Above so many new rows a set is cheaper than looking through the table for each. */
const scannedMax = 8;

/** Only new rows can repeat a key. */
function refuseRepeats(
  rows: readonly EndpointRow[],
  fresh: readonly EndpointRow[],
  scope: Scope,
): void {
  const refuse = (key: string): null => scope.at("endpoints").refuse(`${key} occurs twice`);
  if (fresh.length <= scannedMax) {
    for (const row of fresh) if (occursTwice(rows, row.key)) refuse(row.key);
    return;
  }
  const keys = new Set<string>();
  for (const { key } of rows) {
    if (keys.has(key)) refuse(key);
    keys.add(key);
  }
}

function occursTwice(rows: readonly EndpointRow[], key: string): boolean {
  let count = 0;
  for (const row of rows) if (row.key === key) count++;
  return count > 1;
}
