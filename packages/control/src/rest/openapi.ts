// The OpenAPI documents (`/openapi/v3`, one per group and version, and `/openapi/v2`), made from
// the table of kinds and kept, since kinds do not change while a process runs.

import { createHash } from "node:crypto";
import { allKinds, groupPath, type JsonSchema, type KindInfo } from "@weft/api";
import { openapiV2Protobuf } from "./openapi-protobuf.ts";
import { kindPaths } from "./openapi-paths.ts";
import { type Dialect, namedSchemas, openapiV2, openapiV3 } from "./openapi-schema.ts";

export interface OpenapiAnswer {
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** For ETag and If-None-Match; with it in `?hash=` an answer may be cached for ever. */
  readonly etag: string;
}

const JSON_TYPE = "application/json";
/**
 * The two names under which kubectl asks for OpenAPI v2 (it asks for no other form), and the one it
 * can parse.
 */
const V2_PROTOBUF_OLD = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
const V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/** The document at a path (without its query), or null when it is no path of OpenAPI. */
export function openapiDocument(path: string, accept = ""): OpenapiAnswer | null {
  if (path === "/openapi/v2") return v2Document(accept);
  if (path === "/openapi/v3" || path === "/openapi/v3/") return index();
  const [, start] = /^\/openapi\/v3\/(.+)$/.exec(path) ?? [];
  return start !== undefined && groupVersions().has(start) ? v3Document(start) : null;
}

type KindVersion = readonly [info: KindInfo, version: string];

/** Kinds and versions by `api/v1` or `apis/<group>/<version>`. */
function groupVersions(): ReadonlyMap<string, readonly KindVersion[]> {
  return remember("groups", () => {
    const groups = new Map<string, KindVersion[]>();
    for (const info of allKinds) {
      for (const version of info.versions) {
        const start = groupPath(info.group, version).slice(1);
        groups.set(start, [...(groups.get(start) ?? []), [info, version]]);
      }
    }
    return groups;
  });
}

function index(): OpenapiAnswer {
  return remember("index", () => {
    const paths: Record<string, JsonSchema> = {};
    for (const start of groupVersions().keys()) {
      const hash = v3Document(start).etag.replaceAll('"', "");
      paths[start] = { serverRelativeURL: `/openapi/v3/${start}?hash=${hash}` };
    }
    return answer(JSON_TYPE, JSON.stringify({ paths }));
  });
}

function v3Document(start: string): OpenapiAnswer {
  return remember(`v3/${start}`, () => {
    const kinds = groupVersions().get(start) ?? [];
    const document = {
      openapi: "3.0.0",
      info: { title: "Weft", version: "v1" },
      paths: pathsOf(kinds, openapiV3),
      components: { schemas: namedSchemas(kinds, openapiV3) },
    };
    return answer(JSON_TYPE, JSON.stringify(document));
  });
}

function v2Document(accept: string): OpenapiAnswer {
  const json = remember("v2", () => {
    const kinds = [...groupVersions().values()].flat();
    const document = {
      swagger: "2.0",
      info: { title: "Weft", version: "v1" },
      paths: pathsOf(kinds, openapiV2),
      definitions: namedSchemas(kinds, openapiV2),
    };
    return { ...answer(JSON_TYPE, JSON.stringify(document)), document };
  });
  const wantsProtobuf = [V2_PROTOBUF, V2_PROTOBUF_OLD].some((type) => accept.startsWith(type));
  if (!wantsProtobuf) return json;
  return remember("v2 protobuf", () => answer(V2_PROTOBUF, openapiV2Protobuf(json.document)));
}

function pathsOf(kinds: readonly KindVersion[], dialect: Dialect): Record<string, JsonSchema> {
  const all = kinds.map(([info, version]) => kindPaths(info, version, dialect));
  return Object.assign({}, ...all) as Record<string, JsonSchema>;
}

function answer(contentType: string, body: string | Uint8Array): OpenapiAnswer {
  const hash = createHash("sha256").update(body).digest("hex").toUpperCase();
  return { contentType, body, etag: `"${hash}"` };
}

const remembered = new Map<string, unknown>();

function remember<T>(key: string, make: () => T): T {
  if (!remembered.has(key)) remembered.set(key, make());
  return remembered.get(key) as T;
}
