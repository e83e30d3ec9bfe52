// Makes an `EncodedResource` from a message's bytes: the Any around it and a version that is the
// content. Callers sort map keys before encoding, so that equal content has equal bytes and so an
// equal version.

import { createHash } from "node:crypto";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { EncodedResource, ResourceMap } from "./snapshot.ts";

/** `message` is the encoded resource itself, e.g. `Cluster.encode(cluster).finish()`. */
export function encodeResource(
  typeUrl: string,
  name: string,
  message: Uint8Array,
): EncodedResource {
  const any = encodeAny(typeUrl, message);
  const version = createHash("sha256").update(any).digest("base64url").slice(0, 16);
  return { name, version, any };
}

/** google.protobuf.Any: type_url = 1, value = 2. */
export function encodeAny(typeUrl: string, message: Uint8Array): Uint8Array {
  return new BinaryWriter().uint32(10).string(typeUrl).uint32(18).bytes(message).finish();
}

/** Resources by name, in the order given. */
export function resourceMap(resources: Iterable<EncodedResource>): ResourceMap {
  const map = new Map<string, EncodedResource>();
  for (const resource of resources) {
    if (map.has(resource.name)) throw new Error(`two resources are named ${resource.name}`);
    map.set(resource.name, resource);
  }
  return map;
}
