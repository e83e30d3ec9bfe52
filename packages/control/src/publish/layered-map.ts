// A proxy's own clusters over those everyone has, without copying the thousands that are shared.

import type { EncodedResource, ResourceMap } from "@weft/xds";

/** The two have no name in common: own names are `inbound/…` and those of the client's class. */
export class LayeredMap implements ResourceMap {
  readonly own: ResourceMap;
  readonly shared: ResourceMap;

  constructor(own: ResourceMap, shared: ResourceMap) {
    this.own = own;
    this.shared = shared;
  }

  get size(): number {
    return this.own.size + this.shared.size;
  }

  get(name: string): EncodedResource | undefined {
    return this.own.get(name) ?? this.shared.get(name);
  }

  has(name: string): boolean {
    return this.own.has(name) || this.shared.has(name);
  }

  forEach(
    visit: (value: EncodedResource, key: string, map: ReadonlyMap<string, EncodedResource>) => void,
  ): void {
    for (const [name, resource] of this) visit(resource, name, this);
  }

  *entries(): MapIterator<[string, EncodedResource]> {
    yield* this.own.entries();
    yield* this.shared.entries();
  }

  *keys(): MapIterator<string> {
    yield* this.own.keys();
    yield* this.shared.keys();
  }

  *values(): MapIterator<EncodedResource> {
    yield* this.own.values();
    yield* this.shared.values();
  }

  [Symbol.iterator](): MapIterator<[string, EncodedResource]> {
    return this.entries();
  }
}
