// The last good configuration as one run of bytes, for the agent to keep on disk: a line that
// names the format, a line of JSON that lists the resources, then their bodies in that order.

import type { ResourceBytes, ResourceChange } from "@weft/rules";

const formatLine = "weft-snapshot-1";

interface Listed {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  readonly length: number;
}

export function encodeSnapshot(
  held: ReadonlyMap<string, ReadonlyMap<string, ResourceBytes>>,
): Uint8Array {
  const listed: Listed[] = [];
  const bodies: Uint8Array[] = [];
  for (const [typeUrl, resources] of held) {
    for (const { name, version, resource } of resources.values()) {
      listed.push({ typeUrl, name, version, length: resource.length });
      bodies.push(resource);
    }
  }
  const head = Buffer.from(`${formatLine}\n${JSON.stringify(listed)}\n`);
  return Buffer.concat([head, ...bodies]);
}

/** Null when the bytes are of another format or damaged. */
export function decodeSnapshot(bytes: Uint8Array): ResourceChange[] | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const formatEnd = buffer.indexOf(10);
  const listEnd = buffer.indexOf(10, formatEnd + 1);
  if (listEnd < 0 || buffer.toString("utf8", 0, formatEnd) !== formatLine) return null;
  let listed: Listed[];
  try {
    listed = JSON.parse(buffer.toString("utf8", formatEnd + 1, listEnd)) as Listed[];
  } catch {
    return null;
  }
  const byType = new Map<string, ResourceBytes[]>();
  let at = listEnd + 1;
  for (const { typeUrl, name, version, length } of listed) {
    // Copied: rows keep slices of it, and the file's bytes are the caller's.
    const resource = Uint8Array.from(buffer.subarray(at, at + length));
    if (resource.length !== length) return null;
    at += length;
    const resources = byType.get(typeUrl) ?? [];
    resources.push({ name, version, resource });
    byType.set(typeUrl, resources);
  }
  if (at !== buffer.length) return null;
  return Array.from(byType, ([typeUrl, changed]) => ({ typeUrl, changed, removed: [] }));
}
