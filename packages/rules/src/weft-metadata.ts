// `metadata.filter_metadata["dev.weft"]`: what Envoy cannot say and the built-in proxy must read
// (decision D3). It is read strictly: an unknown field or a wrong type is an error, because it
// means that the two planes do not agree on what was asked for.

import type { Metadata } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import type { Scope } from "./scope.ts";

const section = "dev.weft";
const sectionPath = `metadata.filter_metadata["${section}"]`;

/** Reads fields one by one; `finish` refuses those that nobody asked for. */
export class WeftMetadata {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #scope: Scope;
  readonly #asked: string[] = [];

  constructor(fields: Readonly<Record<string, unknown>>, scope: Scope) {
    this.#fields = fields;
    this.#scope = scope;
  }

  has(name: string): boolean {
    return this.#fields[name] !== undefined;
  }

  /** "" when it is absent. */
  text(name: string): string {
    const value = this.#take(name);
    if (typeof value === "string") return value;
    if (value !== undefined) this.#scope.at(name).refuse("must be a string");
    return "";
  }

  /** Null when it is absent. */
  oneOf<T extends string>(name: string, values: readonly T[]): T | null {
    const value = this.#take(name);
    if (value === undefined) return null;
    const found = values.find((other) => other === value);
    if (found !== undefined) return found;
    return this.#scope.at(name).refuse(`must be one of ${values.join(", ")}`);
  }

  /** A whole number, at least 0; 0 when it is absent. */
  count(name: string): number {
    const value = this.#take(name);
    if (value === undefined) return 0;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    this.#scope.at(name).refuse("must be a whole number, at least 0");
    return 0;
  }

  /** A text, or a number as text; "" when it is absent. */
  label(name: string): string {
    return typeof this.#fields[name] === "number" ? String(this.count(name)) : this.text(name);
  }

  /** False when it is absent. */
  flag(name: string): boolean {
    const value = this.#take(name);
    if (typeof value === "boolean") return value;
    if (value !== undefined) this.#scope.at(name).refuse("must be true or false");
    return false;
  }

  /** Null when it is absent. */
  texts(name: string): readonly string[] | null {
    const value = this.#take(name);
    if (value === undefined) return null;
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    return this.#scope.at(name).refuse("must be a list of strings");
  }

  /** The objects of a list; empty when it is absent. */
  objects(name: string): readonly WeftMetadata[] {
    const value = this.#take(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.#scope.at(name).refuse("must be a list");
      return [];
    }
    return value.map((item: unknown, i) => {
      const scope = this.#scope.item(name, i);
      if (isRecord(item)) return new WeftMetadata(item, scope);
      scope.refuse("must be an object");
      return new WeftMetadata({}, scope);
    });
  }

  finish(): void {
    for (const name of Object.keys(this.#fields)) {
      if (!this.#asked.includes(name)) this.#scope.at(name).refuse("unknown field");
    }
  }

  #take(name: string): unknown {
    this.#asked.push(name);
    return this.#fields[name];
  }
}

/** Our section of a resource's metadata; absent, it reads as empty. */
export function weftMetadata(metadata: Metadata | undefined, scope: Scope): WeftMetadata {
  const fields: unknown = metadata?.filterMetadata[section];
  return new WeftMetadata(isRecord(fields) ? fields : {}, scope.at(sectionPath));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
