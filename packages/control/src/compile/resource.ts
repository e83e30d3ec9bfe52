// A compiled resource: encoded once, shared by every proxy that holds it, with the names it points at, so that
// a snapshot can be checked without decoding it.

import { encodeResource, type EncodedResource } from "@weft/xds";

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
