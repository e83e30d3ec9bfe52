// Compares resource maps. Streams of equal clients share maps, so each pair is compared once,
// whoever asks: a change costs its size per stream, not the size of the mesh.

import { createHash } from "node:crypto";
import type { EncodedResource, ResourceMap } from "./snapshot.ts";

export const emptyMap: ResourceMap = new Map();

const diffs = new WeakMap<ResourceMap, WeakMap<ResourceMap, readonly string[]>>();
const versions = new WeakMap<ResourceMap, string>();

/** Names that were added, changed or removed between two maps. */
export function changedNames(before: ResourceMap, after: ResourceMap): readonly string[] {
  if (before === after) return [];
  let known = diffs.get(before);
  if (known === undefined) {
    known = new WeakMap();
    diffs.set(before, known);
  }
  let names = known.get(after);
  if (names === undefined) {
    names = compare(before, after);
    known.set(after, names);
  }
  return names;
}

/** A version of the whole map that depends on its content alone. */
export function mapVersion(map: ResourceMap): string {
  let version = versions.get(map);
  if (version === undefined) {
    version = listVersion(map.values());
    versions.set(map, version);
  }
  return version;
}

export function listVersion(resources: Iterable<EncodedResource>): string {
  const lines: string[] = [];
  for (const resource of resources) lines.push(`${resource.name}\0${resource.version}\n`);
  const hash = createHash("sha256");
  for (const line of lines.sort()) hash.update(line);
  return hash.digest("base64url").slice(0, 16);
}

function compare(before: ResourceMap, after: ResourceMap): string[] {
  const names: string[] = [];
  for (const [name, resource] of after) {
    const old = before.get(name);
    if (old !== resource && old?.version !== resource.version) names.push(name);
  }
  for (const name of before.keys()) if (!after.has(name)) names.push(name);
  return names;
}
