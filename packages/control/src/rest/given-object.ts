// The object a request carries: decoded, of the kind and place the URL names, unknown and duplicate
// fields handled as `fieldValidation` asks.

import type { ApiObject, KindInfo } from "@weft/api";
import { apiVersionOf } from "./catalog.ts";
import { decodeObject, type Fields, isFields } from "./body.ts";
import type { FieldValidation } from "./parameters.ts";
import { badRequest } from "./status.ts";
import { dropUnknownFields } from "./unknown-fields.ts";

export interface Addressee {
  readonly info: KindInfo;
  readonly version: string;
  readonly namespace: string | null;
  /** Null where the name is the object's own (create). */
  readonly name: string | null;
}

export interface GivenObject {
  readonly object: ApiObject;
  /** Sentences for Warning headers. */
  readonly warnings: readonly string[];
}

export function decodeGiven(
  body: Uint8Array,
  type: string,
  addressee: Addressee,
  validation: FieldValidation,
): GivenObject {
  const { value, duplicates } = decodeObject(body, type);
  return checkGiven(value, duplicates, addressee, validation);
}

/** Throws 400 when the value is not an object for this URL, or strictly speaking not one at all. */
export function checkGiven(
  value: Fields,
  duplicates: readonly string[],
  addressee: Addressee,
  validation: FieldValidation,
): GivenObject {
  const { info, version } = addressee;
  checkType(value, addressee);
  checkMetadata(value, addressee);
  const unknown = dropUnknownFields(info.schema, value);
  const problems = [
    ...unknown.map((path) => `unknown field "${path}"`),
    ...duplicates.map((path) => `duplicate field "${path}"`),
  ];
  if (problems.length > 0 && validation === "Strict") {
    const { kind } = info;
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a ${kind}: ` +
        `strict decoding error: ${problems.join(", ")}`,
    );
  }
  return {
    object: value as unknown as ApiObject,
    warnings: validation === "Warn" ? problems : [],
  };
}

function checkType(value: Fields, { info, version }: Addressee): void {
  const apiVersion = apiVersionOf(info.group, version);
  value["apiVersion"] ??= apiVersion;
  value["kind"] ??= info.kind;
  const { apiVersion: givenVersion, kind } = value;
  if (givenVersion !== apiVersion || kind !== info.kind) {
    throw badRequest(
      `the object provided is ${JSON.stringify(kind)} of ${JSON.stringify(givenVersion)}, ` +
        `which does not match the expected ${info.kind} of ${apiVersion}`,
    );
  }
}

const textFields = ["name", "generateName", "namespace", "uid", "resourceVersion"] as const;

/** Only what the server itself reads before validation sees the whole object. */
function checkMetadata(value: Fields, addressee: Addressee): void {
  const metadata = value["metadata"] ?? {};
  if (!isFields(metadata)) throw badRequest("metadata must be an object");
  value["metadata"] = metadata;
  for (const field of textFields) {
    if (metadata[field] === null) delete metadata[field];
    const found = metadata[field];
    if (found !== undefined && typeof found !== "string") {
      throw badRequest(`metadata.${field} must be a string`);
    }
  }
  for (const field of ["finalizers", "managedFields"]) {
    if (metadata[field] === null) delete metadata[field];
    if (metadata[field] !== undefined && !Array.isArray(metadata[field])) {
      throw badRequest(`metadata.${field} must be a list`);
    }
  }
  dropEmpty(metadata);
  checkPlace(metadata, addressee);
}

/** An empty map or list says the same as none, and nobody need come to own it. */
function dropEmpty(metadata: Fields): void {
  for (const field of ["labels", "annotations", "finalizers", "ownerReferences"]) {
    const value = metadata[field];
    const isEmpty = value === null || (typeof value === "object" && isEmptyObject(value));
    if (isEmpty) delete metadata[field];
  }
}

function isEmptyObject(value: object): boolean {
  return Object.keys(value).length === 0;
}

function checkPlace(metadata: Fields, { name, namespace }: Addressee): void {
  if (name !== null) {
    metadata["name"] ??= name;
    if (metadata["name"] !== name) {
      throw badRequest(
        `the name of the object (${String(metadata["name"])}) does not match the name on the ` +
          `URL (${name})`,
      );
    }
  }
  if (namespace === null) return;
  if (metadata["namespace"] === undefined || metadata["namespace"] === "") {
    metadata["namespace"] = namespace;
  }
  if (metadata["namespace"] !== namespace) {
    throw badRequest(
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  }
}
