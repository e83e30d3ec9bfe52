// What a URL path of the object API names:
// `/api/v1/...` and `/apis/<group>/<version>/...`, then
// `[namespaces/<ns>/]<plural>[/<name>[/<sub>]]`.

export interface ObjectPath {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
}

/** Null when the path is none of the object API's. */
export function parseObjectPath(path: string): ObjectPath | null {
  const parts = decodeParts(path);
  if (parts === null) return null;
  let rest: string[];
  let group = "";
  let version = "";
  if (parts[0] === "api") {
    [, version = "", ...rest] = parts;
  } else if (parts[0] === "apis") {
    [, group = "", version = "", ...rest] = parts;
    if (group === "") return null;
  } else {
    return null;
  }
  if (version === "" || rest.length === 0) return null;
  return parseRest(group, version, rest);
}

function parseRest(group: string, version: string, rest: readonly string[]): ObjectPath | null {
  const [first = "", second, third, fourth, fifth] = rest;
  // `/namespaces/shop/services` is inside a namespace; `/namespaces/shop` and its subresources are
  // the Namespace itself.
  const isWithin =
    first === "namespaces" && third !== undefined && !namespaceSubresources.has(third);
  if (isWithin) {
    if (rest.length > 5) return null;
    return {
      group,
      version,
      plural: third,
      namespace: second ?? "",
      name: fourth ?? null,
      subresource: fifth ?? null,
    };
  }
  if (rest.length > 3) return null;
  return {
    group,
    version,
    plural: first,
    namespace: null,
    name: second ?? null,
    subresource: third ?? null,
  };
}

const namespaceSubresources: ReadonlySet<string> = new Set(["status", "finalize"]);

/** The decoded segments; null for an empty one in the midst or broken percent-encoding. */
function decodeParts(path: string): string[] | null {
  const parts = path.replace(/^\//, "").replace(/\/$/, "").split("/");
  if (parts.includes("")) return null;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return null;
  }
}
