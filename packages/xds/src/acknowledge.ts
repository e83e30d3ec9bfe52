// What a client holds, per type, as far as its answers tell: what was sent, what awaits an
// answer, what it refused. Pure. A refusal is an `error_detail`, nothing else; a refused version
// is never sent again as it was.
//
// A refused response of several resources does not say which of them is bad, so it is sent again
// in halves until the bad one stands alone: one poisoned resource must not hold up its
// neighbours.

import type { EncodedResource } from "./snapshot.ts";

/** One response on its way. */
export interface Sent {
  readonly nonce: string;
  readonly snapshotVersion: string;
  /** State of the world: the response's `version_info`. */
  readonly versionInfo: string;
  readonly updates: readonly EncodedResource[];
  readonly removed: readonly string[];
  readonly atMs: number;
}

interface Refusal {
  /** The refused version; "" when the removal was refused. */
  readonly version: string;
  readonly message: string;
}

export interface Ledger {
  lastNonce: string;
  outstanding: Sent | null;
  /** What the client was last sent, or said it held. */
  readonly known: Map<string, EncodedResource>;
  readonly refused: Map<string, Refusal>;
  /** State of the world, types that list all: why the last list was refused as a whole. */
  listRefusal: string | null;
  /** Halves of refused responses still to be tried, first one next. */
  suspects: string[][];
  nacksInRow: number;
  /** Snapshot version of the last acknowledged response. */
  ackedVersion: string;
}

export type Reply = "none" | "ack" | "nack" | "stale";

/** The client was told that the resource does not exist. */
export const absent: EncodedResource = { name: "", version: "", any: new Uint8Array(0) };
/** The client refused a response that held the resource: it may have the old one or the new. */
const unsure: EncodedResource = { name: "", version: "", any: new Uint8Array(0) };

/** Enough halvings for 65,536 resources; a client that refuses on is refusing everything. */
const nacksInRowMax = 16;

export function openLedger(): Ledger {
  return {
    lastNonce: "",
    outstanding: null,
    known: new Map(),
    refused: new Map(),
    listRefusal: null,
    suspects: [],
    nacksInRow: 0,
    ackedVersion: "",
  };
}

/** What a request says about responses. "none": it speaks of none, or of one already settled. */
export function judgeReply(ledger: Ledger, nonce: string, hasError: boolean): Reply {
  if (nonce === "") return ledger.lastNonce === "" ? "none" : "stale";
  if (nonce !== ledger.lastNonce) return "stale";
  if (ledger.outstanding === null) return "none";
  return hasError ? "nack" : "ack";
}

/** `listed`: the response is the whole list, so what it does not name is gone. */
export function recordSent(ledger: Ledger, sent: Sent, listed: boolean): void {
  ledger.lastNonce = sent.nonce;
  ledger.outstanding = sent;
  if (listed) ledger.known.clear();
  for (const resource of sent.updates) ledger.known.set(resource.name, resource);
  for (const name of sent.removed) ledger.known.set(name, absent);
}

export function recordAck(ledger: Ledger): Sent | null {
  const sent = ledger.outstanding;
  if (sent === null) return null;
  ledger.outstanding = null;
  ledger.nacksInRow = 0;
  ledger.listRefusal = null;
  ledger.ackedVersion = sent.snapshotVersion;
  for (const resource of sent.updates) ledger.refused.delete(resource.name);
  for (const name of sent.removed) ledger.refused.delete(name);
  return sent;
}

export function recordNack(ledger: Ledger, message: string, listed: boolean): Sent | null {
  const sent = ledger.outstanding;
  if (sent === null) return null;
  ledger.outstanding = null;
  ledger.nacksInRow++;
  if (listed) {
    ledger.listRefusal = message;
    return sent;
  }
  const versions = new Map<string, string>();
  for (const resource of sent.updates) versions.set(resource.name, resource.version);
  for (const name of sent.removed) versions.set(name, "");
  for (const name of versions.keys()) ledger.known.set(name, unsure);
  if (versions.size > 1 && ledger.nacksInRow < nacksInRowMax) {
    const names = [...versions.keys()];
    const middle = Math.ceil(names.length / 2);
    ledger.suspects.unshift(names.slice(0, middle), names.slice(middle));
    // What was refused before these halves is tried again with them.
    for (const name of names) ledger.refused.delete(name);
  } else {
    for (const [name, version] of versions) ledger.refused.set(name, { version, message });
  }
  return sent;
}

/** True when sending this resource would tell the client nothing, or what it has refused. */
export function isSettled(ledger: Ledger, resource: EncodedResource): boolean {
  const known = ledger.known.get(resource.name);
  if (known !== undefined && known.version === resource.version) return true;
  return ledger.refused.get(resource.name)?.version === resource.version;
}

export function forget(ledger: Ledger, name: string): void {
  ledger.known.delete(name);
  ledger.refused.delete(name);
}

/** The refusals that stand: names, and one message. */
export function standingRefusal(ledger: Ledger): { names: string[]; message: string } | null {
  if (ledger.listRefusal !== null) return { names: [], message: ledger.listRefusal };
  const [first] = ledger.refused.values();
  return first === undefined ? null : { names: [...ledger.refused.keys()], message: first.message };
}
