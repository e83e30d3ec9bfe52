// Objects to bytes of the store and back. The store keeps JSON without resourceVersion, which is
// the revision of the write itself. Each stored object is decoded once, whoever reads it: lists and
// watches of many clients share the result.

import type { ApiObject } from "@weft/api";
import type { StoredObject } from "../store/store.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const decoded = new WeakMap<StoredObject, ApiObject>();

/** The object with its resourceVersion. Shared: copy before changing. */
export function decodeStored(stored: StoredObject): ApiObject {
  let object = decoded.get(stored);
  if (object === undefined) {
    object = decodeAt(stored.value, stored.modRevision);
    decoded.set(stored, object);
  }
  return object;
}

/** As it last stood, but with the revision of its deletion, as a watch must show it. */
export function decodeDeleted(stored: StoredObject, revision: number): ApiObject {
  const object = decodeStored(stored);
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return { ...object, metadata };
}

function decodeAt(value: Uint8Array, revision: number): ApiObject {
  const object = JSON.parse(decoder.decode(value)) as ApiObject;
  object.metadata.resourceVersion = String(revision);
  return object;
}

export function encodeStored(object: ApiObject): Uint8Array {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return encoder.encode(JSON.stringify({ ...object, metadata }));
}

/** The object just written, without decoding it again. */
export function rememberDecoded(stored: StoredObject, object: ApiObject): ApiObject {
  const metadata = { ...object.metadata, resourceVersion: String(stored.modRevision) };
  const whole = { ...object, metadata };
  decoded.set(stored, whole);
  return whole;
}

export function jsonBytes(value: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify(value)}\n`);
}

/** A copy of a value made of JSON; several times quicker than structuredClone. */
export function copyJson<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson) as T;
  const copy: Record<string, unknown> = {};
  for (const [key, below] of Object.entries(value)) copy[key] = copyJson(below);
  return copy as T;
}

/** Equal as JSON: key order does not count, absent and undefined are the same. */
export function isDeepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => isDeepEqual(item, b[index]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key of Object.keys(left)) {
    if (left[key] !== undefined && !isDeepEqual(left[key], right[key])) return false;
  }
  for (const key of Object.keys(right)) {
    if (right[key] !== undefined && left[key] === undefined) return false;
  }
  return true;
}
