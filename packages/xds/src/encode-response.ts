// Discovery responses by hand: resources are spliced in as the bytes they already are, so a
// stream costs one allocation and the copies, whatever the resources hold.
// envoy/service/discovery/v3/discovery.proto.

import type { EncodedResource } from "./snapshot.ts";

export interface ResponseParts {
  readonly typeUrl: string;
  /** `version_info`, or `system_version_info` in delta. */
  readonly version: string;
  readonly nonce: string;
  readonly updates: readonly EncodedResource[];
  /** Delta only. */
  readonly removed: readonly string[];
}

/** Delta: name and version before each Any; the same for every stream, so kept. */
const heads = new WeakMap<EncodedResource, Buffer>();

/** DiscoveryResponse: version_info = 1, resources = 2 (Any), type_url = 4, nonce = 5. */
export function encodeSotwResponse(parts: ResponseParts): Buffer {
  let size = fieldSize(parts.version) + fieldSize(parts.typeUrl) + fieldSize(parts.nonce);
  for (const { any } of parts.updates) size += 1 + varintSize(any.length) + any.length;
  const out = Buffer.allocUnsafe(size);
  let at = writeText(out, 0, 0x0a, parts.version);
  for (const { any } of parts.updates) {
    out[at++] = 0x12;
    at = writeVarint(out, at, any.length);
    out.set(any, at);
    at += any.length;
  }
  at = writeText(out, at, 0x22, parts.typeUrl);
  at = writeText(out, at, 0x2a, parts.nonce);
  return out.subarray(0, at);
}

/**
 * DeltaDiscoveryResponse: system_version_info = 1, resources = 2, type_url = 4, nonce = 5,
 * removed_resources = 6. Resource: version = 1, resource = 2 (Any), name = 3.
 */
export function encodeDeltaResponse(parts: ResponseParts): Buffer {
  let size = fieldSize(parts.version) + fieldSize(parts.typeUrl) + fieldSize(parts.nonce);
  for (const resource of parts.updates) {
    const length = headOf(resource).length + resource.any.length;
    size += 1 + varintSize(length) + length;
  }
  for (const name of parts.removed) size += fieldSize(name);
  const out = Buffer.allocUnsafe(size);
  let at = writeText(out, 0, 0x0a, parts.version);
  for (const resource of parts.updates) {
    const head = headOf(resource);
    out[at++] = 0x12;
    at = writeVarint(out, at, head.length + resource.any.length);
    out.set(head, at);
    at += head.length;
    out.set(resource.any, at);
    at += resource.any.length;
  }
  at = writeText(out, at, 0x22, parts.typeUrl);
  at = writeText(out, at, 0x2a, parts.nonce);
  for (const name of parts.removed) at = writeText(out, at, 0x32, name, true);
  return out.subarray(0, at);
}

function headOf(resource: EncodedResource): Buffer {
  let head = heads.get(resource);
  if (head === undefined) {
    const anyLength = resource.any.length;
    const size = fieldSize(resource.version) + fieldSize(resource.name) + 1 + varintSize(anyLength);
    head = Buffer.allocUnsafeSlow(size);
    let at = writeText(head, 0, 0x0a, resource.version);
    at = writeText(head, at, 0x1a, resource.name);
    head[at++] = 0x12;
    at = writeVarint(head, at, anyLength);
    head = head.subarray(0, at);
    heads.set(resource, head);
  }
  return head;
}

/** An upper bound: an empty text takes no byte, because a default value is not written. */
function fieldSize(text: string): number {
  const length = Buffer.byteLength(text);
  return 1 + varintSize(length) + length;
}

/** In a repeated field an empty text is written. */
function writeText(out: Buffer, at: number, tag: number, text: string, repeated = false): number {
  const length = Buffer.byteLength(text);
  if (length === 0 && !repeated) return at;
  out[at] = tag;
  const start = writeVarint(out, at + 1, length);
  out.write(text, start, length, "utf8");
  return start + length;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}

function writeVarint(out: Buffer, at: number, value: number): number {
  let rest = value;
  let next = at;
  while (rest > 127) {
    out[next++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  out[next++] = rest;
  return next;
}
