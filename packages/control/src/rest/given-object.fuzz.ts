// Whatever a body holds, it is refused with a Status or becomes an object that stays as it is:
// filling defaults again changes nothing, applying it to itself changes nothing and conflicts with
// nobody. Objects of every kind are made from their schemas and then bent out of shape.

import { type ApiObject, type KindInfo, type Schema, storedKinds } from "@weft/api";
import { type Random, type Runtime, seededRandom, silentLogger, SimClock } from "@weft/runtime";
import { applyObject } from "./apply/apply.ts";
import { trackUpdate, type Writer } from "./apply/managed-fields.ts";
import { decodeObject, isFields } from "./body.ts";
import { isDeepEqual } from "./codec.ts";
import { checkGiven } from "./given-object.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { prepareCreate, prepareUpdate } from "./prepare.ts";
import { StatusError } from "./status.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";

const clock = new SimClock();
const runtime: Runtime = { clock, timers: clock, random: seededRandom(1), log: silentLogger };
const rules = { runtime, regexError: null };
const writer: Writer = {
  manager: "fuzz",
  operation: "Update",
  apiVersion: "v1",
  subresource: "",
  time: "2026-01-01T00:00:00Z",
};

export function fuzz(random: Random, steps: number): void {
  for (let step = 0; step < steps; step++) {
    const info = storedKinds[random.integer(storedKinds.length)] as KindInfo;
    const body = bend(random, objectOf(random, info));
    const text = JSON.stringify(body);
    try {
      tryObject(random, info, text);
    } catch (error) {
      if (error instanceof StatusError && error.code < 500) continue;
      throw new Error(`${info.kind}: ${text}`, { cause: error });
    }
  }
}

function tryObject(random: Random, info: KindInfo, text: string): void {
  const namespace = info.namespaced ? "default" : null;
  const { value } = decodeObject(new TextEncoder().encode(text), "application/json");
  const addressee = { info, version: info.version, namespace, name: null };
  const { object } = checkGiven(value, [], addressee, "Ignore");
  const made = prepareCreate(rules, info, namespace, object);
  made.metadata.managedFields = trackUpdate(info, null, made, writer);
  const again = prepareUpdate(rules, info, made, made, "");
  again.metadata.managedFields = trackUpdate(info, made, again, writer);
  if (!isDeepEqual(made, again)) throw new Error(`it changes by itself: ${JSON.stringify(again)}`);
  const wanted: ApiObject = { ...made, metadata: { name: made.metadata.name } };
  delete wanted.status;
  const applied = applyObject(info, made, wanted, { ...writer, operation: "Apply" }, false);
  const { managedFields: _, ...metadata } = applied.object.metadata;
  const { managedFields: _before, ...before } = made.metadata;
  if (!isDeepEqual({ ...applied.object, metadata }, { ...made, metadata: before })) {
    throw new Error(`applying it to itself changes it: ${JSON.stringify(applied.object)}`);
  }
  tryPatches(random, info, made, value);
}

/** Patches made of anything: refused, or applied without touching what they were applied to. */
function tryPatches(random: Random, info: KindInfo, made: ApiObject, patch: object): void {
  const before = JSON.stringify(made);
  const fields = patch as Record<string, unknown>;
  const directive = random.integer(9) === 0 ? { $patch: "replace" } : {};
  const bent = bend(random, { ...fields, ...directive });
  const operations = Object.entries(fields).map(([key, value]) => ({
    op: ["add", "remove", "replace", "test", "move", "copy"][random.integer(6)],
    path: `/${key}`,
    from: `/${key}`,
    value,
  }));
  const attempts = [
    () => applyMergePatch(made, bent),
    () => applyStrategicMerge(info.schema, { ...made }, isFields(bent) ? bent : {}),
    () => applyJsonPatch(made, operations),
  ];
  for (const attempt of attempts) {
    try {
      attempt();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
    }
  }
  if (JSON.stringify(made) !== before) throw new Error("a patch changed its object in place");
}

function objectOf(random: Random, info: KindInfo): Record<string, unknown> {
  const value = valueOf(random, info.schema, 0) as Record<string, unknown>;
  const { apiVersion: _apiVersion, kind: _kind, ...rest } = value;
  return { ...rest, metadata: { name: "fuzz", ...metadataOf(random) } };
}

function metadataOf(random: Random): object {
  const labels = { a: "1", "weft.dev/service": "web" };
  return random.integer(2) === 0 ? { labels } : { annotations: labels, finalizers: ["a/b"] };
}

const words = [
  "web",
  "a",
  "",
  "/",
  "80",
  "HTTP",
  "10s",
  "127.0.0.1",
  "*",
  "a.b",
  "é",
  "x".repeat(70),
];

/** A value that mostly fits its schema. */
function valueOf(random: Random, schema: Schema, depth: number): unknown {
  if (schema.default !== undefined && random.integer(3) === 0) return schema.default;
  if (schema.enum !== undefined) return schema.enum[random.integer(schema.enum.length)];
  if (schema["x-kubernetes-int-or-string"] === true) return [80, "http"][random.integer(2)];
  switch (schema.type) {
    case "object":
      return fieldsOf(random, schema, depth);
    case "array":
      return Array.from({ length: depth > 6 ? 0 : random.integer(3) }, () =>
        valueOf(random, schema.items ?? {}, depth + 1),
      );
    case "integer":
    case "number":
      return [0, 1, 80, 8080, 99_999, -1, 1.5][random.integer(7)];
    case "boolean":
      return random.integer(2) === 0;
    default:
      return words[random.integer(words.length)];
  }
}

function fieldsOf(random: Random, schema: Schema, depth: number): object {
  const fields: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const isRequired = schema.required?.includes(name) === true;
    if (isRequired || random.integer(3) === 0) fields[name] = valueOf(random, property, depth + 1);
  }
  if (schema.additionalProperties !== undefined) {
    fields["key"] = valueOf(random, schema.additionalProperties, depth + 1);
  }
  return fields;
}

const oddities = [null, 0, "", [], {}, true, [null], { a: null }, "toString", -1e308];

/** Replaces, removes or moves a few values. */
function bend(random: Random, value: unknown): unknown {
  if (random.integer(40) === 0) return structuredClone(oddities[random.integer(oddities.length)]);
  if (Array.isArray(value)) return value.map((item) => bend(random, item));
  if (typeof value !== "object" || value === null) return value;
  const bent: Record<string, unknown> = {};
  for (const [key, below] of Object.entries(value)) {
    if (random.integer(60) === 0) continue;
    bent[random.integer(60) === 0 ? "constructor" : key] = bend(random, below);
  }
  return bent;
}
