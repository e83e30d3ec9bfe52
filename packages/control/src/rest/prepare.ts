// What the server makes of an object before it is stored: identity, times and generation are the
// server's, defaults are filled in, every wrong field is reported at once.

import type { ApiObject, FieldError, KindInfo, ObjectMeta } from "@weft/api";
import type { Runtime } from "@weft/runtime";
import { storedApiVersion } from "./catalog.ts";
import { copyJson, isDeepEqual } from "./codec.ts";
import { conflict, invalid } from "./status.ts";

export interface Rules {
  readonly runtime: Runtime;
  /** Why a pattern is not RE2 (decision D9), or null when it is. */
  readonly regexError: ((pattern: string) => string | null) | null;
}

/** A new object as it will be stored, without its managed fields. Throws 422. */
export function prepareCreate(
  rules: Rules,
  info: KindInfo,
  namespace: string | null,
  given: ApiObject,
): ApiObject {
  const object = copyJson(given);
  const metadata = withoutServerFields(object.metadata);
  const { name = "", generateName = "" } = metadata as Partial<ObjectMeta>;
  object.apiVersion = storedApiVersion(info);
  object.kind = info.kind;
  object.metadata = {
    ...metadata,
    name: name === "" && generateName !== "" ? generatedName(rules.runtime, generateName) : name,
    ...(namespace === null ? {} : { namespace }),
    uid: newUid(rules.runtime),
    creationTimestamp: timestamp(rules.runtime),
    ...(hasGeneration(info) ? { generation: 1 } : {}),
  };
  if (info.hasStatus) delete object.status;
  if (info.kind === "Namespace") object.spec = { finalizers: ["kubernetes"] };
  fillDefaults(info, object);
  check(rules, info, object, null);
  return object;
}

/** A changed object as it will be stored, without its managed fields. Throws 409 and 422. */
export function prepareUpdate(
  rules: Rules,
  info: KindInfo,
  standing: ApiObject,
  given: ApiObject,
  subresource: string,
): ApiObject {
  checkPreconditions(info, standing, given.metadata);
  const object = copyJson(given);
  object.apiVersion = storedApiVersion(info);
  object.kind = info.kind;
  object.metadata = keptMetadata(standing.metadata, object.metadata);
  if (subresource === "status") {
    const { status } = object;
    const { managedFields } = object.metadata;
    Object.assign(object, copyJson(standing), { status });
    object.metadata = {
      ...standing.metadata,
      ...(managedFields === undefined ? {} : { managedFields }),
    };
  } else if (info.hasStatus) {
    if (standing.status === undefined) delete object.status;
    else object.status = copyJson(standing.status);
  }
  if (info.kind === "Namespace" && subresource === "") object.spec = standing.spec;
  fillDefaults(info, object);
  if (subresource === "" && hasGeneration(info) && !isSameSpec(object, standing)) {
    object.metadata.generation = (standing.metadata.generation ?? 0) + 1;
  }
  check(rules, info, object, standing);
  return object;
}

/** An object of the wrong shape may defeat its defaults; then validation says what is wrong. */
function fillDefaults(info: KindInfo, object: ApiObject): void {
  try {
    info.defaults(object);
  } catch (error) {
    if (info.validate(object).length === 0) throw error;
  }
}

function checkPreconditions(info: KindInfo, standing: ApiObject, given: ObjectMeta): void {
  const { name } = standing.metadata;
  const { uid, resourceVersion } = given;
  if (uid !== undefined && uid !== "" && uid !== standing.metadata.uid) {
    throw conflict(
      info,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ` +
        `${standing.metadata.uid}`,
    );
  }
  if (
    resourceVersion !== undefined &&
    resourceVersion !== "" &&
    resourceVersion !== standing.metadata.resourceVersion
  ) {
    throw conflict(info, name);
  }
}

/** What a caller cannot say of a new object. */
function withoutServerFields(metadata: ObjectMeta): ObjectMeta {
  const {
    uid: _uid,
    resourceVersion: _resourceVersion,
    creationTimestamp: _creationTimestamp,
    deletionTimestamp: _deletionTimestamp,
    deletionGracePeriodSeconds: _deletionGracePeriodSeconds,
    generation: _generation,
    selfLink: _selfLink,
    managedFields: _managedFields,
    ...rest
  } = metadata;
  return rest;
}

/** The caller's labels and the like, with all that is the server's as it stands. */
function keptMetadata(standing: ObjectMeta, given: ObjectMeta): ObjectMeta {
  const kept: Partial<ObjectMeta> = {};
  for (const field of [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
  ] as const) {
    if (standing[field] !== undefined) Object.assign(kept, { [field]: standing[field] });
  }
  const { managedFields } = given;
  return {
    ...withoutServerFields(given),
    ...kept,
    ...(managedFields === undefined ? {} : { managedFields }),
  };
}

function check(rules: Rules, info: KindInfo, object: ApiObject, standing: ApiObject | null): void {
  const options = rules.regexError === null ? {} : { regexError: rules.regexError };
  const errors: FieldError[] = info.validate(object, options);
  if (errors.length === 0 && standing !== null) {
    errors.push(...info.validateUpdate(object, standing));
  }
  if (errors.length === 0) return;
  throw invalid(info.kind, info.group, object.metadata.name ?? "", errors);
}

/** Kinds whose spec somebody acts on count its changes, so that a status can say which it saw. */
function hasGeneration(info: KindInfo): boolean {
  return !info.isCore && info.schema.properties?.["spec"] !== undefined;
}

function isSameSpec(a: ApiObject, b: ApiObject): boolean {
  return isDeepEqual(specOf(a), specOf(b));
}

/** All but metadata and status. */
function specOf(object: ApiObject): unknown {
  const { metadata: _metadata, status: _status, ...rest } = object;
  return rest;
}

/** RFC 3339 with seconds, as every time of the API. */
export function timestamp(runtime: Runtime): string {
  return new Date(runtime.clock.nowMs()).toISOString().replace(/\.\d+Z$/, "Z");
}

const nameLetters = "bcdfghjklmnpqrstvwxz2456789";
const generatedPrefixMax = 58;

/** Five letters that spell no words. */
function generatedName(runtime: Runtime, prefix: string): string {
  let name = prefix.slice(0, generatedPrefixMax);
  for (let i = 0; i < 5; i++) name += nameLetters[runtime.random.integer(nameLetters.length)];
  return name;
}

/** RFC 9562 §5.4: a random UUID. */
function newUid(runtime: Runtime): string {
  const bytes = runtime.random.bytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
