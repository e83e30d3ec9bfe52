// Request bodies to plain values: JSON or YAML, bounded in depth, with every duplicate field found
// when asked for (JSON.parse would silently keep the last).

import { parseDocument } from "yaml";
import { duplicateFields } from "./duplicate-fields.ts";
import { decodeProtobuf } from "./protobuf-body.ts";
import { badRequest, unsupportedMediaType } from "./status.ts";

export type Fields = Record<string, unknown>;

export interface DecodedBody {
  readonly value: Fields;
  /** Paths given twice, e.g. `spec.ports[0].name`. */
  readonly duplicates: readonly string[];
}

const depthMax = 128;

/** The media type without parameters, in lower case; "" when absent. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** An object from a request body. Throws 400 and 415. */
export function decodeObject(body: Uint8Array, type: string): DecodedBody {
  const { value, duplicates } = decode(body, type);
  if (!isFields(value)) throw badRequest("the body of the request must be an object");
  return { value, duplicates };
}

/** Any value from a JSON body, e.g. the list of a JSON patch. */
export function decodeJson(body: Uint8Array): unknown {
  const text = textOf(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the body of the request is not JSON: ${why}`);
  }
  checkShape(value, 0);
  return value;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decode(body: Uint8Array, type: string): { value: unknown; duplicates: string[] } {
  switch (type) {
    case "":
    case "application/json":
    case "application/merge-patch+json":
    case "application/strategic-merge-patch+json":
      return { value: decodeJson(body), duplicates: duplicateFields(textOf(body)) };
    case "application/yaml":
    case "application/x-yaml":
    case "text/yaml":
    case "application/apply-patch+yaml":
      return decodeYaml(textOf(body));
    case "application/vnd.kubernetes.protobuf":
      return { value: decodeProtobuf(body), duplicates: [] };
    default:
      throw unsupportedMediaType(
        `the body of the request was in an unknown format (${type === "" ? "none" : type}) - ` +
          "accepted media types include: application/json, application/yaml",
      );
  }
}

function decodeYaml(text: string): { value: unknown; duplicates: string[] } {
  const document = parseDocument(text, { uniqueKeys: false });
  const [problem] = document.errors;
  if (problem !== undefined) throw badRequest(`the body is not YAML: ${problem.message}`);
  let value: unknown;
  try {
    // Bounds aliases, so that a small text cannot grow into a large object.
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the body is not usable YAML: ${why}`);
  }
  checkShape(value, 0);
  const strict = parseDocument(text, { uniqueKeys: true });
  const duplicates = strict.errors
    .filter((error) => error.code === "DUPLICATE_KEY")
    .map((error) => `line ${error.linePos?.[0].line ?? 0}`);
  return { value, duplicates };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function textOf(body: Uint8Array): string {
  try {
    return decoder.decode(body);
  } catch {
    throw badRequest("the body of the request is not UTF-8");
  }
}

/** Everything below walks objects recursively, and sets fields by name. */
function checkShape(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth > depthMax) throw badRequest(`the body is nested deeper than ${depthMax} levels`);
  if (Array.isArray(value)) {
    for (const item of value) checkShape(item, depth + 1);
    return;
  }
  for (const [key, below] of Object.entries(value)) {
    if (key === "__proto__") throw badRequest('"__proto__" cannot be the name of a field');
    checkShape(below, depth + 1);
  }
}
