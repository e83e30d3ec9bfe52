// The official CRDs of the Gateway API as an oracle: their schema run by ajv, their CEL rules by a
// CEL engine, their list types and defaults by the few lines below. None of it is our validator.
// They come from the Go module `sigs.k8s.io/gateway-api` in the module cache; nothing is copied.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CelScalar, celEnv, celFunc, isCelError, parse, plan } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { Ajv, type ValidateFunction } from "ajv";
import { parse as parseYaml, parseAllDocuments } from "yaml";
import { applyDefaults } from "./defaults.ts";
import { isIpv4, isIpv6 } from "./format.ts";
import type { ApiObject, KindInfo } from "./kind.ts";
import { storedKinds } from "./kinds.ts";
import { GATEWAY_GROUP } from "./ref.ts";
import type { Schema } from "./schema.ts";

const MODULE = "sigs.k8s.io/gateway-api@v1.6.3";

/** The module's folder, or null with the sentence that says how to get it. */
export const moduleFolder: string | null = findModule();
export const skipReason: string | false =
  moduleFolder === null ? `no ${MODULE} in the Go module cache; go mod download ${MODULE}` : false;

/** Our kinds of the Gateway API. */
export const gatewayKinds: readonly KindInfo[] = storedKinds.filter((info) => {
  return info.group === GATEWAY_GROUP;
});

function findModule(): string | null {
  const { GOMODCACHE, GOPATH } = process.env;
  const cache = GOMODCACHE ?? join(GOPATH ?? join(homedir(), "go"), "pkg", "mod");
  const folder = join(cache, MODULE);
  return existsSync(folder) ? folder : null;
}

export interface Example {
  readonly file: string;
  readonly object: ApiObject;
}

/** The objects of our kinds in the YAML files under a folder of the module. */
export function examples(folder: string): Example[] {
  assert.ok(moduleFolder !== null);
  const found: Example[] = [];
  for (const entry of readdirSync(join(moduleFolder, folder), { recursive: true })) {
    const file = join(folder, String(entry));
    if (!file.endsWith(".yaml")) continue;
    for (const document of parseAllDocuments(readFileSync(join(moduleFolder, file), "utf8"))) {
      const object = document.toJS() as ApiObject | null;
      if (object !== null && gatewayKindOf(object) !== undefined) found.push({ file, object });
    }
  }
  return found;
}

export function gatewayKindOf(object: ApiObject): KindInfo | undefined {
  return gatewayKinds.find((info) => {
    const versions = info.versions.map((version) => `${info.group}/${version}`);
    return info.kind === object.kind && versions.includes(object.apiVersion);
  });
}

/** The official schema of a kind, in the version we store. */
export function officialSchema(info: KindInfo): OfficialSchema {
  assert.ok(moduleFolder !== null);
  const file = `config/crd/standard/${GATEWAY_GROUP}_${info.plural}.yaml`;
  const crd = parseYaml(readFileSync(join(moduleFolder, file), "utf8")) as OfficialCrd;
  const found = crd.spec.versions.find((version) => version.name === info.version);
  assert.ok(found !== undefined, `${info.kind} has no version ${info.version}`);
  return found.schema.openAPIV3Schema;
}

interface OfficialCrd {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: OfficialSchema };
    }[];
  };
}

export interface OfficialSchema extends Schema {
  readonly items?: OfficialSchema;
  readonly properties?: Readonly<Record<string, OfficialSchema>>;
  readonly additionalProperties?: OfficialSchema;
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string }[];
}

export interface Oracle {
  defaults(object: ApiObject): void;
  /** Why it is refused; none: accepted. */
  errors(object: ApiObject): string[];
}

export function createOracle(info: KindInfo): Oracle {
  const schema = officialSchema(info);
  const ajv = new Ajv({ allErrors: true, strict: false });
  for (const name of ["int32", "int64"]) ajv.addFormat(name, true);
  ajv.addFormat("date-time", (text) => !Number.isNaN(Date.parse(text)));
  ajv.addFormat("ipv4", isIpv4);
  ajv.addFormat("ipv6", isIpv6);
  const validate = ajv.compile(schema) as ValidateFunction;
  return {
    defaults: (object) => applyDefaults(schema, object),
    errors(object) {
      const errors = validate(object)
        ? []
        : (validate.errors ?? []).map((error) => `${error.instancePath}: ${error.message}`);
      if (errors.length === 0) walk(schema, object, "", errors);
      return errors;
    },
  };
}

/** List types and CEL rules of a value whose shape is right. */
function walk(schema: OfficialSchema, value: unknown, path: string, errors: string[]): void {
  if (Array.isArray(value)) {
    checkList(schema, value, path, errors);
    const { items } = schema;
    if (items !== undefined)
      value.forEach((item, at) => walk(items, item, `${path}/${at}`, errors));
  } else if (typeof value === "object" && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      const below = schema.properties?.[name] ?? schema.additionalProperties;
      if (below !== undefined) walk(below, field, `${path}/${name}`, errors);
    }
  }
  for (const { rule } of schema["x-kubernetes-validations"] ?? []) {
    if (rule.includes("oldSelf")) continue;
    const answer = ruleOf(rule)({ self: celValue(value) });
    if (answer !== true) errors.push(`${path}: ${isCelError(answer) ? answer.message : rule}`);
  }
}

function checkList(
  schema: OfficialSchema,
  values: readonly unknown[],
  path: string,
  errors: string[],
): void {
  const listType = schema["x-kubernetes-list-type"];
  if (listType !== "map" && listType !== "set") return;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const texts = values.map((value) => {
    if (listType === "set") return JSON.stringify(value);
    return JSON.stringify(keys.map((key) => (value as Record<string, unknown>)[key]));
  });
  if (new Set(texts).size !== texts.length) errors.push(`${path}: duplicates`);
}

/** Of the functions that Kubernetes adds to CEL, the one that the rules of our kinds use. */
const isIpFunction = celFunc("isIP", [CelScalar.STRING], CelScalar.BOOL, (text) => isIP(text) > 0);
const environment = celEnv({ funcs: [...strings, isIpFunction] });
const rules = new Map<string, ReturnType<typeof plan>>();

function ruleOf(rule: string): ReturnType<typeof plan> {
  let planned = rules.get(rule);
  if (planned === undefined) {
    planned = plan(environment, parse(rule));
    rules.set(rule, planned);
  }
  return planned;
}

/** Integers are CEL's `int`; a field named like a reserved word is escaped, as Kubernetes does. */
function celValue(value: unknown): CelValue {
  if (typeof value === "number") return BigInt(value);
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value !== "object" || value === null) return value as string | boolean | null;
  const entries = Object.entries(value).map(([name, field]): [string, CelValue] => {
    return [name === "namespace" ? "__namespace__" : name, celValue(field)];
  });
  return new Map(entries);
}

type CelValue = string | boolean | null | bigint | CelValue[] | Map<string, CelValue>;

describe("the oracle", { skip: skipReason }, () => {
  it("takes an official example and refuses it without what CEL demands", () => {
    const info = gatewayKinds.find((one) => one.kind === "HTTPRoute");
    assert.ok(info !== undefined);
    const oracle = createOracle(info);
    const object = {
      apiVersion: `${GATEWAY_GROUP}/v1`,
      kind: "HTTPRoute",
      metadata: { name: "a", namespace: "b" },
      spec: {
        rules: [{ backendRefs: [{ name: "c", port: 80 }] as { name: string; port?: number }[] }],
      },
    };
    oracle.defaults(object);
    assert.deepEqual(oracle.errors(object), []);
    delete object.spec.rules[0]?.backendRefs[0]?.port;
    assert.equal(oracle.errors(object).length, 1);
  });
});
