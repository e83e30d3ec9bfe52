// Makes objects that are nearly right: an official example with a field dropped, added or replaced
// as the schema would have it, mostly. Same seed, same mutants.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { Schema } from "./schema.ts";

/** Numbers in [0, 1); mulberry32. */
export type Chance = () => number;

export function createChance(seed: number): Chance {
  let counter = seed;
  return () => {
    counter = (counter + 0x6d2b79f5) | 0;
    let mixed = Math.imul(counter ^ (counter >>> 15), 1 | counter);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(chance: Chance, values: readonly T[]): T {
  const value = values[Math.floor(chance() * values.length)];
  assert.ok(value !== undefined);
  return value;
}

const LONG = "x".repeat(254);
const TEXTS: readonly string[] = [
  ...["", "a", "A", "a.b", "*.a.b", "-a", "/", "/a", "//", "/a/../b", "/a%2f", "/a/.", "/a/.."],
  ...[
    "/a#b",
    "/a b",
    "(x",
    "*",
    "GET",
    "http://a.b",
    "https://*.a:80",
    "http://*",
    "example.com/x",
  ],
  ...["1s", "0s", "2s", "1h1m", "10", "99999h", "1.5s", "127.0.0.1", "::1", "300.0.0.1", LONG],
  ...["Exact", "RegularExpression", "PathPrefix", "Hostname", "IPAddress", "NamedAddress"],
  ...["a.B_1", ".a.b", "_a", "1a", "a..b", "a.b.", "a-b"],
  ...["HTTP", "HTTPS", "TLS", "TCP", "UDP", "Terminate", "Passthrough", "Service", "Gateway"],
];
const NUMBERS: readonly number[] = [
  ...[
    0,
    1,
    -1,
    80,
    100,
    101,
    65_535,
    65_536,
    301,
    302,
    308,
    200,
    1_000_000,
    1_000_001,
    2 ** 31,
    1.5,
  ],
];
const KEYS: readonly string[] = ["a", "a/b", "A_b", "-x", "", "x".repeat(64), `${LONG}/a`];

/** Changes one field somewhere below `spec`, in place. */
export function mutate(chance: Chance, schema: Schema, object: Record<string, unknown>): void {
  let here: Here = { schema, value: object };
  for (let depth = 0; depth < 12; depth++) {
    const next = descend(chance, here, depth);
    if (next === null) break;
    if (next === "changed") return;
    here = next;
  }
  const { parent, key } = here;
  if (parent === undefined || key === undefined) return;
  const act = chance();
  if (Array.isArray(parent) && act < 0.3) parent.push(structuredClone(here.value));
  else if (Array.isArray(here.value) && act < 0.6) {
    here.value.push(generate(chance, here.schema.items ?? {}));
  } else if (act < 0.15) remove(parent, key);
  else (parent as Record<string | number, unknown>)[key] = generate(chance, here.schema);
}

interface Here {
  readonly schema: Schema;
  readonly value: unknown;
  readonly parent?: Record<string, unknown> | unknown[];
  readonly key?: string | number;
}

function descend(chance: Chance, here: Here, depth: number): Here | "changed" | null {
  const { schema, value } = here;
  if (Array.isArray(value)) {
    if (schema.items === undefined || value.length === 0 || chance() > 0.85) return null;
    const key = Math.floor(chance() * value.length);
    return { schema: schema.items, value: value[key], parent: value, key };
  }
  if (typeof value !== "object" || value === null || schema.properties === undefined) return null;
  const fields = value as Record<string, unknown>;
  const names = Object.keys(schema.properties).filter((name) => depth > 0 || name === "spec");
  const present = names.filter((name) => Object.hasOwn(fields, name));
  if (present.length > 0 && chance() < 0.8) {
    const key = pick(chance, present);
    return { schema: schema.properties[key] ?? {}, value: fields[key], parent: fields, key };
  }
  const name = pick(chance, names);
  if (Object.hasOwn(fields, name) && chance() < 0.4) delete fields[name];
  else fields[name] = generate(chance, schema.properties[name] ?? {});
  return "changed";
}

function remove(parent: Record<string, unknown> | unknown[], key: string | number): void {
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
}

/** A value as the schema would have it, mostly. */
function generate(chance: Chance, schema: Schema): unknown {
  if (chance() < 0.004) return pick<unknown>(chance, ["x", 1, true, [], {}, null]);
  if (schema.default !== undefined && chance() < 0.1) return structuredClone(schema.default);
  switch (schema.type) {
    case "object":
      return generateObject(chance, schema);
    case "array":
      return generateList(chance, schema);
    case "integer":
      return pick(chance, chance() < 0.9 ? (schema.enum ?? NUMBERS) : NUMBERS);
    case "boolean":
      return chance() < 0.5;
    default:
      return generateText(chance, schema);
  }
}

function generateObject(chance: Chance, schema: Schema): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  const { additionalProperties, properties = {}, required = [] } = schema;
  if (additionalProperties !== undefined) {
    for (let left = Math.floor(chance() * 3); left > 0; left--) {
      made[pick(chance, KEYS)] = generate(chance, additionalProperties);
    }
  }
  for (const [name, property] of Object.entries(properties)) {
    if (chance() < (required.includes(name) ? 0.95 : 0.3)) made[name] = generate(chance, property);
  }
  if (chance() < 0.02) made["unknownField"] = 1;
  return made;
}

function generateList(chance: Chance, schema: Schema): unknown[] {
  const isLong = chance() < 0.02;
  const count = isLong ? (schema.maxItems ?? 20) + 1 : Math.floor(chance() * 3.2);
  const made: unknown[] = [];
  while (made.length < count) {
    const repeats = made.length > 0 && chance() < 0.15;
    made.push(repeats ? structuredClone(made[0]) : generate(chance, schema.items ?? {}));
  }
  return made;
}

function generateText(chance: Chance, schema: Schema): unknown {
  if (schema.enum !== undefined) return pick(chance, chance() < 0.95 ? schema.enum : TEXTS);
  if (schema.pattern === undefined || chance() > 0.75) return pick(chance, TEXTS);
  const regex = new RegExp(schema.pattern);
  const fitting = TEXTS.filter((text) => regex.test(text) && text !== LONG);
  return pick(chance, fitting.length === 0 ? TEXTS : fitting);
}

it("makes the same mutants from the same seed", () => {
  const schema: Schema = { properties: { spec: { properties: { a: { type: "string" } } } } };
  const make = (seed: number): unknown[] => {
    const chance = createChance(seed);
    return Array.from({ length: 20 }, () => {
      const object = { spec: { a: "b" } };
      mutate(chance, schema, object);
      return object;
    });
  };
  assert.deepEqual(make(1), make(1));
  assert.notDeepEqual(make(1), make(2));
});
