// Where an object lies in the REST API: `/api/v1/namespaces/<ns>/services/<name>`,
// `/apis/<group>/<version>/…`.

import type { KindInfo } from "./kind.ts";

type Place = Pick<KindInfo, "group" | "version" | "plural" | "namespaced">;

/** `/api/v1` or `/apis/<group>/<version>`. */
export function groupPath(group: string, version: string): string {
  return group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
}

/**
 * The path of one object, or without `name` of a list; without `namespace` of the list over all
 * namespaces.
 * `subresource` is e.g. `status`.
 */
export function restPath(
  info: Place,
  namespace?: string | null,
  name?: string,
  subresource?: string,
): string {
  const parts = [groupPath(info.group, info.version)];
  if (info.namespaced && namespace !== undefined && namespace !== null && namespace !== "") {
    parts.push("namespaces", encodeURIComponent(namespace));
  }
  parts.push(info.plural);
  if (name !== undefined) parts.push(encodeURIComponent(name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join("/");
}
