// A compiled resource: encoded once, shared by every proxy that holds it, with the names it points
// at, so that a snapshot can be checked without decoding it.

import { createHash } from "node:crypto";
import { encodeResource, type EncodedResource } from "@weft/xds";
import { ProtoWriter } from "./proto-writer.ts";

/** What a resource points at: a type URL and a name. */
export interface ResourceRef {
  readonly typeUrl: string;
  readonly name: string;
}

export interface CompiledResource extends EncodedResource {
  readonly refs: readonly ResourceRef[];
}

export function compiledResource(
  typeUrl: string,
  name: string,
  message: Uint8Array,
  refs: readonly ResourceRef[],
): CompiledResource {
  return { ...encodeResource(typeUrl, name, message), refs };
}

/**
 * The same for a message made of parts whose digests are known: thousands of parts of which one
 * changed are neither hashed nor copied twice. `parts` are whole fields.
 */
export function splicedResource(
  typeUrl: string,
  name: string,
  parts: readonly { readonly bytes: Uint8Array; readonly digest: string }[],
  refs: readonly ResourceRef[],
): CompiledResource {
  const length = parts.reduce((sum, part) => sum + part.bytes.length, 0);
  const writer = new ProtoWriter(length + typeUrl.length + 32).string(1, typeUrl).begin(2, length);
  const hash = createHash("sha256").update(typeUrl);
  for (const { bytes, digest } of parts) {
    writer.raw(bytes);
    hash.update(digest);
  }
  const version = hash.digest("base64url").slice(0, 16);
  return { name, version, any: writer.finish(), refs };
}

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url");
}
