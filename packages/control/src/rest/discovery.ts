// What the API says it serves: `/version`, `/api`, `/apis` and below, plain and aggregated
// (apidiscovery.k8s.io v2 and v2beta1, by the Accept header).

import { allKinds, type KindInfo, type Verb } from "@weft/api";

export interface DiscoveryAnswer {
  readonly contentType: string;
  readonly body: string;
}

/** The Kubernetes minor version whose API clients may expect here. */
const KUBERNETES_MAJOR = "1";
const KUBERNETES_MINOR = "34";

/**
 * The document at a path, or null when it is none of discovery's. `weftVersion` is e.g. `0.1.0`.
 */
export function discoveryDocument(
  path: string,
  accept: string,
  weftVersion: string,
): DiscoveryAnswer | null {
  const trimmed = path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  switch (trimmed) {
    case "/version":
      return plain(versionInfo(weftVersion));
    case "/api":
      return aggregated(accept, true) ?? plain(apiVersions());
    case "/apis":
      return aggregated(accept, false) ?? plain(groupList());
  }
  const [, core, group, version] =
    /^\/(?:api\/([^/]+)|apis\/([^/]+)(?:\/([^/]+))?)$/.exec(trimmed) ?? [];
  if (core !== undefined) return resourceList("", core);
  if (group === undefined) return null;
  return version === undefined ? oneGroup(group) : resourceList(group, version);
}

function plain(value: unknown): DiscoveryAnswer {
  return { contentType: "application/json", body: JSON.stringify(value) };
}

function versionInfo(weftVersion: string): Record<string, string> {
  return {
    major: KUBERNETES_MAJOR,
    minor: KUBERNETES_MINOR,
    gitVersion: `v${KUBERNETES_MAJOR}.${KUBERNETES_MINOR}.0+weft.${weftVersion}`,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: "none",
    compiler: "none",
    platform: "weft",
  };
}

function apiVersions(): object {
  return { kind: "APIVersions", versions: versionsOf(""), serverAddressByClientCIDRs: [] };
}

function groupList(): object {
  const groups = groupNames().map(groupInfo);
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}

function oneGroup(group: string): DiscoveryAnswer | null {
  if (group === "" || !groupNames().includes(group)) return null;
  return plain({ kind: "APIGroup", apiVersion: "v1", ...groupInfo(group) });
}

function groupInfo(name: string): object {
  const versions = versionsOf(name).map((version) => {
    return { groupVersion: `${name}/${version}`, version };
  });
  return { name, versions, preferredVersion: versions[0] };
}

function groupNames(): string[] {
  const names = new Set(allKinds.map((info) => info.group));
  return [...names].filter((name) => name !== "");
}

/** Stable versions before others, as clients prefer them. */
function versionsOf(group: string): string[] {
  const kinds = allKinds.filter((info) => info.group === group);
  const versions = new Set(kinds.flatMap((info) => info.versions));
  return [...versions].sort((a, b) => a.length - b.length || a.localeCompare(b));
}

function kindsOf(group: string, version: string): KindInfo[] {
  return allKinds.filter((info) => info.group === group && info.versions.includes(version));
}

function resourceList(group: string, version: string): DiscoveryAnswer | null {
  const kinds = kindsOf(group, version);
  if (kinds.length === 0) return null;
  const groupVersion = group === "" ? version : `${group}/${version}`;
  const resources = kinds.flatMap((info) => [
    resource(info),
    ...(info.hasStatus ? [statusResource(info)] : []),
  ]);
  return plain({ kind: "APIResourceList", apiVersion: "v1", groupVersion, resources });
}

function resource(info: KindInfo): object {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = info;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
}

const STATUS_VERBS: readonly Verb[] = ["get", "patch", "update"];

function statusResource(info: KindInfo): object {
  const { plural, namespaced, kind } = info;
  return { name: `${plural}/status`, singularName: "", namespaced, kind, verbs: STATUS_VERBS };
}

const GROUP = "g=apidiscovery.k8s.io";
const AS_LIST = "as=APIGroupDiscoveryList";

/** The aggregated form where the caller lists it first among what we can make. */
function aggregated(accept: string, isCore: boolean): DiscoveryAnswer | null {
  for (const entry of accept.split(",")) {
    const [type = "", ...parameters] = entry.split(";").map((part) => part.trim());
    if (type !== "application/json") continue;
    if (!parameters.includes(AS_LIST)) return null;
    if (!parameters.includes(GROUP)) continue;
    const version = ["v2", "v2beta1"].find((one) => parameters.includes(`v=${one}`));
    if (version === undefined) continue;
    const contentType = `application/json;${GROUP};v=${version};${AS_LIST}`;
    return { contentType, body: JSON.stringify(groupDiscoveryList(version, isCore)) };
  }
  return null;
}

function groupDiscoveryList(version: string, isCore: boolean): object {
  const names = isCore ? [""] : groupNames();
  const items = names.map((name) => ({
    metadata: name === "" ? { creationTimestamp: null } : { name, creationTimestamp: null },
    versions: versionsOf(name).map((one) => ({
      version: one,
      resources: kindsOf(name, one).map((info) => resourceDiscovery(info, one)),
      freshness: "Current",
    })),
  }));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items,
  };
}

function resourceDiscovery(info: KindInfo, version: string): object {
  const { group, kind, plural, singular, namespaced, verbs, shortNames, categories } = info;
  const responseKind = { group, version, kind };
  return {
    resource: plural,
    responseKind,
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(info.hasStatus
      ? { subresources: [{ subresource: "status", responseKind, verbs: STATUS_VERBS }] }
      : {}),
  };
}
