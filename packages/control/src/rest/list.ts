// Lists: selectors, pages of one revision, and the meaning of resourceVersion
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list).

import type { ApiObject, KindInfo } from "@weft/api";
import { type ListResult, StoreError, type StoredObject } from "../store/store.ts";
import { keyOf, keyPrefix } from "./catalog.ts";
import { decodeStored } from "./codec.ts";
import { type FieldMatch, parseFieldSelector } from "./field-selector.ts";
import { type LabelMatch, parseLabelSelector } from "./label-selector.ts";
import type { Workspace } from "./operations.ts";
import { continueExpired, countOf, decodeContinuation, encodeContinuation } from "./parameters.ts";
import { badRequest, expired, revisionTooLarge } from "./status.ts";

/** Which objects of a kind are asked for. */
export interface Selection {
  readonly info: KindInfo;
  readonly namespace: string | null;
  readonly labels: LabelMatch | null;
  readonly fields: FieldMatch | null;
}

export interface Page {
  readonly items: readonly ApiObject[];
  readonly revision: number;
  /** "" on the last page. */
  readonly continue: string;
  /** How many follow; null where selectors keep that from being known. */
  readonly remaining: number | null;
}

/** Objects read and decoded before other work gets its turn. */
const scanCount = 100;

export function selectionOf(
  info: KindInfo,
  namespace: string | null,
  query: URLSearchParams,
): Selection {
  return {
    info,
    namespace,
    labels: parseLabelSelector(query.get("labelSelector") ?? ""),
    fields: parseFieldSelector(info, query.get("fieldSelector") ?? ""),
  };
}

export function isSelected({ labels, fields }: Selection, object: ApiObject): boolean {
  if (labels !== null && !labels(object.metadata.labels)) return false;
  return fields === null || fields.matches(object);
}

/** Keys outside this prefix cannot be selected. */
export function selectedPrefix({ info, namespace, fields }: Selection): string {
  const name = fields?.name ?? null;
  const isOne = name !== null && (namespace !== null || !info.namespaced);
  return isOne ? keyOf(info, namespace, name) : keyPrefix(info, namespace);
}

export async function listPage(
  workspace: Workspace,
  selection: Selection,
  query: URLSearchParams,
): Promise<Page> {
  const limit = countOf(query, "limit") ?? 0;
  const token = query.get("continue") ?? "";
  const from = token === "" ? null : decodeContinuation(token);
  const exact = from === null ? exactRevision(query, workspace.store.revision()) : null;
  const prefix = selectedPrefix(selection);
  if (from !== null && !from.startAfter.startsWith(prefix)) {
    throw badRequest("continue key is not valid: it belongs to another list");
  }
  const items: ApiObject[] = [];
  let revision = from?.revision ?? exact;
  let startAfter = from?.startAfter ?? null;
  const hasSelectors = selection.labels !== null || selection.fields !== null;
  for (;;) {
    const missing = limit === 0 || hasSelectors ? scanCount : limit - items.length;
    const wanted = Math.min(scanCount, missing);
    const part: ListResult = await readPart(workspace, { prefix, wanted, revision, startAfter });
    revision = part.revision;
    const taken = take(selection, part.items, items, limit);
    startAfter = part.items[taken - 1]?.key ?? startAfter;
    const left = part.remaining + part.items.length - taken;
    if (left === 0) return { items, revision, continue: "", remaining: null };
    if (limit > 0 && items.length >= limit) {
      const token = encodeContinuation({ revision, startAfter: startAfter ?? "" });
      return { items, revision, continue: token, remaining: hasSelectors ? null : left };
    }
    // A long list is read in turns, so that other requests come in between.
    await nextTurn(workspace);
  }
}

export function nextTurn({ runtime }: Workspace): Promise<void> {
  return new Promise((resolve) => {
    runtime.timers.after(0, resolve);
  });
}

/** Adds what is selected to `items`, up to `limit`; answers how many were looked at. */
function take(
  selection: Selection,
  stored: readonly StoredObject[],
  items: ApiObject[],
  limit: number,
): number {
  let taken = 0;
  for (const one of stored) {
    if (limit > 0 && items.length >= limit) break;
    taken++;
    const object = decodeStored(one);
    if (isSelected(selection, object)) items.push(object);
  }
  return taken;
}

interface PartOptions {
  readonly prefix: string;
  readonly wanted: number;
  readonly revision: number | null;
  readonly startAfter: string | null;
}

async function readPart(workspace: Workspace, options: PartOptions): Promise<ListResult> {
  const { prefix, wanted, revision, startAfter } = options;
  try {
    return await workspace.store.list({
      prefix,
      limit: wanted,
      ...(revision === null ? {} : { revision }),
      ...(startAfter === null ? {} : { startAfter }),
    });
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "compacted")) throw error;
    if (startAfter !== null) throw expired(continueExpired);
    throw expired(`The resourceVersion for the provided list is too old: ${revision}`);
  }
}

/** The revision a list must be of, or null for the newest. Throws 400 and 504. */
function exactRevision(query: URLSearchParams, current: number): number | null {
  const wanted = countOf(query, "resourceVersion");
  const match = query.get("resourceVersionMatch") ?? "";
  if (match !== "" && match !== "Exact" && match !== "NotOlderThan") {
    throw badRequest(`resourceVersionMatch must be Exact or NotOlderThan, not "${match}"`);
  }
  if (match !== "" && wanted === null) {
    throw badRequest("resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (wanted === null || wanted === 0) {
    if (match === "Exact") throw badRequest("resourceVersionMatch Exact needs a resourceVersion");
    return null;
  }
  if (wanted > current) throw revisionTooLarge(wanted, current);
  return match === "Exact" ? wanted : null;
}
