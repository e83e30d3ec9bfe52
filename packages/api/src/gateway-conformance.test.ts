// Our Gateway API kinds against the official ones: the same schemas, the same verdict on every
// official example, good and bad, and on thousands of objects that are nearly right.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  createOracle,
  type Example,
  examples,
  gatewayKindOf,
  gatewayKinds,
  type OfficialSchema,
  officialSchema,
  skipReason,
} from "./gateway-oracle.test.ts";
import { createChance, mutate, pick } from "./gateway-mutant.test.ts";
import type { ApiObject, KindInfo } from "./kind.ts";
import { crdDialect, type JsonSchema, publishSchema } from "./published-schema.ts";

const required = (process.env["WEFT_REQUIRE"] ?? "").split(",").includes("gateway-api");
const skip = required ? false : skipReason;

describe("Gateway API conformance", { skip }, () => {
  it("has the module that WEFT_REQUIRE asks for", () => {
    assert.equal(skipReason, false);
  });

  it("has the official schemas", () => {
    for (const info of gatewayKinds) {
      const ours = publishSchema(info.schema, crdDialect);
      for (const part of ["spec", "status"]) {
        const official = officialSchema(info).properties?.[part];
        const own = (ours["properties"] as JsonSchema)[part];
        assert.deepEqual(comparable(own), comparable(official), `${info.kind}.${part}`);
      }
    }
  });

  it("accepts every official example", () => {
    const all = examples("examples");
    assert.ok(all.length >= 70, `only ${all.length} examples`);
    for (const { file, object } of all) {
      assert.deepEqual(verdict(object), [], `${file}: ${object.kind} ${object.metadata.name}`);
    }
  });

  it("refuses every official invalid example", () => {
    const all = examples("hack/invalid-examples/standard");
    assert.ok(all.length >= 30, `only ${all.length} invalid examples`);
    for (const { file, object } of all) {
      assert.notDeepEqual(verdict(object), [], `${file}: ${object.kind} ${object.metadata.name}`);
    }
  });

  it("judges and defaults as the official schemas and CEL rules do", () => {
    const seeds = [...examples("examples"), ...examples("hack/invalid-examples")];
    const oracles = new Map(gatewayKinds.map((info) => [info, createOracle(info)]));
    const chance = createChance(20260801);
    const counts = { accepted: 0, refused: 0 };
    for (let index = 0; index < seeds.length + MUTANTS; index++) {
      const { file, object } = nextObject(seeds, index, chance);
      const info = gatewayKindOf(object);
      const oracle = info === undefined ? undefined : oracles.get(info);
      assert.ok(info !== undefined && oracle !== undefined);
      const [ours, theirs] = [structuredClone(object), structuredClone(object)];
      info.defaults(ours);
      oracle.defaults(theirs);
      assert.deepEqual(withoutStatus(ours), withoutStatus(theirs), `${file} #${index}`);
      const official = oracle.errors(theirs);
      const errors = info.validate(ours).filter(({ message }) => !unwritable.test(message));
      const shown = JSON.stringify({ file, index, spec: object.spec, errors, official });
      assert.equal(errors.length === 0, official.length === 0, shown);
      counts[errors.length === 0 ? "accepted" : "refused"]++;
    }
    assert.ok(Math.min(counts.accepted, counts.refused) > MUTANTS / 5, JSON.stringify(counts));
  });
});

const MUTANTS = 2000;

/**
 * What no message can hold: the standard schemas take it (the experimental ones no more), and a
 * proxy would refuse the whole table of routes for it.
 */
const unwritable = /must not hold .*control characters$|is no header name$/;

/** The examples themselves first, then mutants of them. */
function nextObject(seeds: readonly Example[], index: number, chance: () => number): Example {
  const seed = structuredClone(seeds[index] ?? pick(chance, seeds));
  const info = gatewayKindOf(seed.object);
  assert.ok(info !== undefined);
  prepare(info, seed.object);
  if (index < seeds.length) return seed;
  for (let left = 1 + Math.floor(chance() * 3); left > 0; left--) {
    mutate(chance, info.schema, seed.object as unknown as Record<string, unknown>);
  }
  return seed;
}

/** What the server adds before it validates. */
function prepare(info: KindInfo, object: ApiObject): void {
  if (info.namespaced) object.metadata.namespace ??= "default";
}

function verdict(example: ApiObject): unknown {
  const object = structuredClone(example);
  const info = gatewayKindOf(object);
  assert.ok(info !== undefined);
  prepare(info, object);
  info.defaults(object);
  return info.validate(object, { regexError: () => null });
}

/** The default status carries a sentence, and ours is not theirs. */
function withoutStatus(object: ApiObject): unknown {
  const { status: _, ...rest } = object;
  return rest;
}

/** Without words, CEL (ours is code) and the address union that `checkAddress` writes as code. */
function comparable(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return schema;
  const { description: _, oneOf: __, ...rest } = schema as OfficialSchema & { oneOf?: unknown };
  const kept: JsonSchema = {};
  for (const [keyword, value] of Object.entries(rest)) {
    if (keyword === "x-kubernetes-validations") continue;
    kept[keyword] = comparableKeyword(keyword, value);
  }
  return kept;
}

function comparableKeyword(keyword: string, value: unknown): unknown {
  switch (keyword) {
    case "properties":
      return Object.fromEntries(
        Object.entries(value as object).map(([name, one]) => [name, comparable(one)]),
      );
    case "items":
    case "additionalProperties":
      return comparable(value);
    case "required":
    case "enum":
      return [...(value as readonly unknown[])].map(String).sort();
    case "default":
      return JSON.parse(JSON.stringify(value, (name, one) => (name === "message" ? "" : one)));
    default:
      return value;
  }
}
