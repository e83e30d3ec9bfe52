// Finds kinds: by the names a URL carries, by the kind an object says it is, by a key of the store.

import type { KindInfo } from "@weft/api";

export interface Catalog {
  readonly kinds: readonly KindInfo[];
  /** The kind served at `/apis/<group>/<version>/<plural>`, or null. */
  ofPath(group: string, version: string, plural: string): KindInfo | null;
  /** By its CamelCase name, e.g. `HTTPRoute`. */
  ofKind(kind: string): KindInfo | null;
  /** Of the object under a key of the store; null for a key no known kind has. */
  ofKey(key: string): KindInfo | null;
  hasVersion(group: string, version: string): boolean;
}

export function createCatalog(kinds: readonly KindInfo[]): Catalog {
  const byPath = new Map<string, KindInfo>();
  const byKind = new Map<string, KindInfo>();
  const byPrefix = new Map<string, KindInfo>();
  const versions = new Set<string>();
  for (const info of kinds) {
    for (const version of info.versions) {
      byPath.set(`${info.group}/${version}/${info.plural}`, info);
      versions.add(`${info.group}/${version}`);
    }
    byKind.set(info.kind, info);
    byPrefix.set(keyPrefix(info, null), info);
  }
  return {
    kinds,
    ofPath: (group, version, plural) => byPath.get(`${group}/${version}/${plural}`) ?? null,
    ofKind: (kind) => byKind.get(kind) ?? null,
    ofKey(key) {
      const [group = "", plural = ""] = key.split("/", 2);
      return byPrefix.get(`${group}/${plural}/`) ?? null;
    },
    hasVersion: (group, version) => versions.has(`${group}/${version}`),
  };
}

/** Keys of a kind, or of a kind in one namespace, start so. */
export function keyPrefix(info: KindInfo, namespace: string | null): string {
  const start = `${info.group === "" ? "core" : info.group}/${info.plural}/`;
  return namespace === null || !info.namespaced ? start : `${start}${namespace}/`;
}

/**
 * `<group or core>/<plural>/<namespace>/<name>`, without the namespace for cluster-scoped kinds.
 */
export function keyOf(info: KindInfo, namespace: string | null, name: string): string {
  return keyPrefix(info, namespace) + name;
}

export function apiVersionOf(group: string, version: string): string {
  return group === "" ? version : `${group}/${version}`;
}

/** The version objects of a kind are stored in. */
export function storedApiVersion(info: KindInfo): string {
  return apiVersionOf(info.group, info.version);
}
