// One type on one stream: subscription, ledger and the names that may need a response, and from
// these the next response. Pure. Rule numbers X.. are those of `packages/xds/rules.md`.

import {
  absent,
  forget,
  isSettled,
  type Ledger,
  openLedger,
  recordAck,
  recordNack,
  recordSent,
  type Sent,
} from "./acknowledge.ts";
import { encodeResource } from "./encode-resource.ts";
import { changedNames, emptyMap, listVersion, mapVersion } from "./map-diff.ts";
import { type ResourceType, typeUrls } from "./resource-types.ts";
import type { EncodedResource, ResourceMap } from "./snapshot.ts";
import {
  isInterested,
  openSubscription,
  type Subscription,
  type SubscriptionChange,
} from "./subscription.ts";

export interface Substream {
  readonly type: ResourceType;
  /** State of the world, and a type whose responses list everything. */
  readonly listed: boolean;
  readonly isDelta: boolean;
  readonly subscription: Subscription;
  readonly ledger: Ledger;
  target: ResourceMap;
  /** Names whose answer may have to be sent. */
  readonly dirty: Set<string>;
  /** Names to answer even if the client has the answer. */
  readonly forced: Set<string>;
  /** A wildcard began, and is answered even when there is nothing. */
  owesAnswer: boolean;
  /** State of the world: the version a client brought to a new stream. */
  broughtVersion: string;
}

export interface Plan {
  readonly updates: readonly EncodedResource[];
  readonly removed: readonly string[];
  readonly versionInfo: string;
  /** Those of `updates` that are not merely repeated. */
  readonly changed: readonly EncodedResource[];
}

export function openSubstream(type: ResourceType, isDelta: boolean): Substream {
  return {
    type,
    listed: !isDelta && type.listsAll,
    isDelta,
    subscription: openSubscription(),
    ledger: openLedger(),
    target: emptyMap,
    dirty: new Set(),
    forced: new Set(),
    owesAnswer: false,
    broughtVersion: "",
  };
}

/** Takes the type's map of a new snapshot. */
export function setTarget(sub: Substream, target: ResourceMap): void {
  const before = sub.target;
  sub.target = target;
  for (const name of changedNames(before, target)) {
    if (isInterested(sub.subscription, name)) sub.dirty.add(name);
  }
}

/**
 * Takes a change of subscription. `isResumed`: the client said what it holds, so differences
 * suffice.
 */
export function changeSubscription(
  sub: Substream,
  change: SubscriptionChange,
  isResumed: boolean,
): void {
  for (const name of change.asked) {
    sub.dirty.add(name);
    if (!isResumed) sub.forced.add(name);
  }
  for (const name of change.dropped) drop(sub, name);
  if (change.wildcardEnded) {
    for (const name of sub.ledger.known.keys()) {
      if (!sub.subscription.names.has(name)) drop(sub, name);
    }
  }
  if (change.wildcardBegan) {
    for (const name of sub.target.keys()) sub.dirty.add(name);
    sub.owesAnswer = !isResumed;
  }
}

/** Delta: what a reconnected client holds (X13). */
export function takeInitialVersions(
  sub: Substream,
  versions: Readonly<Record<string, string>>,
): void {
  for (const [name, version] of Object.entries(versions)) {
    sub.ledger.known.set(name, { name, version, any: absent.any });
    sub.dirty.add(name);
  }
}

/** State of the world: a pure wildcard whose client holds this very list needs no answer (X03). */
export function resumeList(sub: Substream): void {
  const brought = sub.broughtVersion;
  sub.broughtVersion = "";
  if (!sub.listed || !sub.subscription.wildcard || sub.subscription.names.size > 0) return;
  if (brought !== mapVersion(sub.target)) return;
  for (const [name, resource] of sub.target) sub.ledger.known.set(name, resource);
  sub.dirty.clear();
  sub.owesAnswer = false;
}

/** Has a name answered again, whatever the client holds (X18). */
export function force(sub: Substream, name: string): void {
  if (!isInterested(sub.subscription, name)) return;
  sub.dirty.add(name);
  sub.forced.add(name);
}

/** Names about to be sent whose resource the client has never had. */
export function coldNames(sub: Substream): string[] {
  const names: string[] = [];
  for (const name of sub.dirty) {
    const known = sub.ledger.known.get(name);
    if (sub.target.has(name) && (known === undefined || known === absent)) names.push(name);
  }
  return names;
}

/** The next response, or null. Without `mayRemove`, what the target lacks is held back. */
export function planResponse(sub: Substream, mayRemove: boolean): Plan | null {
  if (sub.ledger.outstanding !== null) return null;
  return sub.listed ? planList(sub, mayRemove) : planNames(sub, mayRemove);
}

export function noteSent(sub: Substream, plan: Plan, sent: Sent): void {
  recordSent(sub.ledger, sent, sub.listed);
  sub.owesAnswer = false;
  if (sub.listed) return;
  for (const { name } of plan.updates) settle(sub, name);
  for (const name of plan.removed) settle(sub, name);
}

export function noteAck(sub: Substream): Sent | null {
  return recordAck(sub.ledger);
}

export function noteNack(sub: Substream, message: string): Sent | null {
  const sent = recordNack(sub.ledger, message, sub.listed);
  for (const names of sub.ledger.suspects) for (const name of names) sub.dirty.add(name);
  return sent;
}

/** Nothing to send and nothing awaited; what the client refused counts as said. */
export function isQuiet(sub: Substream): boolean {
  return sub.ledger.outstanding === null && sub.dirty.size === 0 && !sub.owesAnswer;
}

/** Quiet, and the client refused nothing of it. */
export function isApplied(sub: Substream): boolean {
  return isQuiet(sub) && sub.ledger.refused.size === 0 && sub.ledger.listRefusal === null;
}

function planNames(sub: Substream, mayRemove: boolean): Plan | null {
  const updates: EncodedResource[] = [];
  const removed: string[] = [];
  for (;;) {
    // A half whose names were settled meanwhile falls away, and the next one takes its place.
    const half = sub.ledger.suspects.shift();
    for (const name of half ?? sub.dirty) {
      const resource = sub.target.get(name);
      if (!sub.dirty.has(name)) continue;
      else if (!isInterested(sub.subscription, name)) drop(sub, name);
      else if (resource === undefined) planAbsence(sub, name, mayRemove, updates, removed);
      else if (sub.forced.has(name) || !isSettled(sub.ledger, resource)) updates.push(resource);
      else settle(sub, name);
    }
    if (half === undefined || updates.length > 0 || removed.length > 0) break;
  }
  if (updates.length === 0 && removed.length === 0 && !sub.owesAnswer) return null;
  return { updates, removed, versionInfo: mapVersion(sub.target), changed: updates };
}

/** A name that is subscribed to and not in the target. */
function planAbsence(
  sub: Substream,
  name: string,
  mayRemove: boolean,
  updates: EncodedResource[],
  removed: string[],
): void {
  const known = sub.ledger.known.get(name);
  const isForced = sub.forced.has(name);
  const hasIt = known !== undefined && known !== absent;
  if (hasIt && !isForced) {
    if (sub.ledger.refused.get(name)?.version === "") return void settle(sub, name);
    if (!mayRemove) return;
  } else if (!isForced && (known === absent || !sub.subscription.names.has(name))) {
    return void settle(sub, name);
  }
  if (sub.isDelta) removed.push(name);
  else if (sub.type.typeUrl === typeUrls.endpoint) {
    const empty = emptyEndpoints(name);
    if (isForced || known?.version !== empty.version) updates.push(empty);
    else settle(sub, name);
  } else {
    // State of the world has no word for "does not exist" here (X08); its parent's removal says it.
    sub.ledger.known.delete(name);
    settle(sub, name);
  }
}

function planList(sub: Substream, mayRemove: boolean): Plan | null {
  const { ledger, target } = sub;
  let isNeeded = sub.owesAnswer;
  for (const name of sub.dirty) {
    const resource = target.get(name);
    const known = ledger.known.get(name);
    if (!isInterested(sub.subscription, name)) drop(sub, name);
    else if (resource !== undefined) {
      if (sub.forced.has(name) || known?.version !== resource.version) isNeeded = true;
      else settle(sub, name);
    } else if (known === undefined) {
      if (sub.forced.has(name)) isNeeded = true;
      else settle(sub, name);
    } else if (mayRemove) isNeeded = true;
  }
  if (!isNeeded) return null;
  const { updates, versionInfo } = listAll(sub, mayRemove);
  const changed = updates.filter((r) => ledger.known.get(r.name)?.version !== r.version);
  settleList(sub, mayRemove);
  return { updates, removed: [], versionInfo, changed };
}

/** The whole list: the target's, and what is to go but is still pointed at. */
function listAll(
  sub: Substream,
  mayRemove: boolean,
): { updates: EncodedResource[]; versionInfo: string } {
  const { subscription, target } = sub;
  const updates: EncodedResource[] = [];
  for (const resource of target.values()) {
    if (isInterested(subscription, resource.name)) updates.push(resource);
  }
  let isTarget = updates.length === target.size;
  if (!mayRemove) {
    for (const [name, resource] of sub.ledger.known) {
      if (target.has(name) || !isInterested(subscription, name)) continue;
      updates.push(resource);
      isTarget = false;
    }
  }
  return { updates, versionInfo: isTarget ? mapVersion(target) : listVersion(updates) };
}

/** After a list is sent only removals that were held back stay dirty. */
function settleList(sub: Substream, mayRemove: boolean): void {
  for (const name of sub.dirty) {
    if (mayRemove || sub.target.has(name) || !sub.ledger.known.has(name)) settle(sub, name);
  }
  sub.forced.clear();
}

function settle(sub: Substream, name: string): void {
  sub.dirty.delete(name);
  sub.forced.delete(name);
}

function drop(sub: Substream, name: string): void {
  settle(sub, name);
  forget(sub.ledger, name);
}

/** ClusterLoadAssignment.cluster_name = 1 and nothing else: no endpoints. */
function emptyEndpoints(name: string): EncodedResource {
  const bytes = Buffer.from(name, "utf8");
  const head: number[] = [0x0a];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    head.push(rest > 127 ? (rest % 128) | 128 : rest);
    if (rest <= 127) break;
  }
  return encodeResource(typeUrls.endpoint, name, Buffer.concat([Buffer.from(head), bytes]));
}
