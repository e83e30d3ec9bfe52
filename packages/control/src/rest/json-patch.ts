// JSON Patch (RFC 6902) with JSON Pointer (RFC 6901). Applied to a copy: a patch whose last
// operation fails has done nothing. Ours, because the widely used library is years without a
// release and this is what it would save.

import { isFields } from "./body.ts";
import { copyJson, isDeepEqual } from "./codec.ts";
import { badRequest, StatusError } from "./status.ts";

interface Operation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  readonly path: string;
  readonly from: string;
  readonly value: unknown;
}

/** RFC 6902 sets no bound; a patch that copies again and again could grow without one. */
const operationsMax = 10_000;

/** The patched copy. Throws 400 for a malformed patch, 422 for one that does not fit. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = parsePatch(patch);
  let root = copyJson(document);
  for (const operation of operations) root = applyOperation(root, operation);
  return root;
}

function parsePatch(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw badRequest("a JSON patch must be a list of operations");
  if (patch.length > operationsMax) {
    throw badRequest(`a JSON patch may have at most ${operationsMax} operations`);
  }
  return patch.map((entry, index) => {
    const where = `operation ${index} of the JSON patch`;
    if (!isFields(entry)) throw badRequest(`${where} is not an object`);
    const { op, path, from } = entry;
    if (typeof op !== "string" || !operationNames.has(op)) {
      throw badRequest(`${where} has no known "op"`);
    }
    if (typeof path !== "string") throw badRequest(`${where} has no "path"`);
    if ((op === "move" || op === "copy") && typeof from !== "string") {
      throw badRequest(`${where} has no "from"`);
    }
    if ((op === "add" || op === "replace" || op === "test") && !Object.hasOwn(entry, "value")) {
      throw badRequest(`${where} has no "value"`);
    }
    return {
      op: op as Operation["op"],
      path,
      from: typeof from === "string" ? from : "",
      value: entry["value"],
    };
  });
}

const operationNames: ReadonlySet<string> = new Set([
  "add",
  "remove",
  "replace",
  "move",
  "copy",
  "test",
]);

function applyOperation(root: unknown, operation: Operation): unknown {
  const { op, path, from, value } = operation;
  switch (op) {
    case "add":
      return add(root, path, copyJson(value));
    case "remove":
      return remove(root, path);
    case "replace":
      read(root, path);
      return path === "" ? copyJson(value) : replace(root, path, copyJson(value));
    case "move": {
      if (path.startsWith(`${from}/`)) throw misfit(path, "cannot move a value into itself");
      const moved = read(root, from);
      return add(remove(root, from), path, moved);
    }
    case "copy":
      return add(root, path, copyJson(read(root, from)));
    case "test":
      if (!isDeepEqual(read(root, path), value)) throw misfit(path, "test failed");
      return root;
  }
}

/** RFC 6901 §4: `~1` is `/`, `~0` is `~`. */
function parsePointer(pointer: string): string[] {
  if (pointer === "") return [];
  if (!pointer.startsWith("/")) throw badRequest(`"${pointer}" is not a JSON pointer`);
  const parts = pointer.slice(1).split("/");
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function read(root: unknown, pointer: string): unknown {
  let value = root;
  for (const part of parsePointer(pointer)) {
    if (Array.isArray(value)) value = value[indexOf(part, value.length - 1, pointer)];
    else if (isFields(value) && Object.hasOwn(value, part)) value = value[part];
    else throw misfit(pointer, "there is nothing at that path");
  }
  return value;
}

function parentOf(root: unknown, pointer: string): { parent: unknown; last: string } {
  const at = pointer.lastIndexOf("/");
  const [last = ""] = parsePointer(pointer.slice(at));
  if (last === "__proto__") throw misfit(pointer, "not the name of a field");
  return { parent: read(root, pointer.slice(0, at)), last };
}

function add(root: unknown, pointer: string, value: unknown): unknown {
  if (pointer === "") return value;
  const { parent, last } = parentOf(root, pointer);
  if (Array.isArray(parent)) {
    const index = last === "-" ? parent.length : indexOf(last, parent.length, pointer);
    parent.splice(index, 0, value);
  } else if (isFields(parent)) parent[last] = value;
  else throw misfit(pointer, "its parent is neither an object nor a list");
  return root;
}

function replace(root: unknown, pointer: string, value: unknown): unknown {
  const { parent, last } = parentOf(root, pointer);
  if (Array.isArray(parent)) parent[indexOf(last, parent.length - 1, pointer)] = value;
  else if (isFields(parent)) parent[last] = value;
  return root;
}

function remove(root: unknown, pointer: string): unknown {
  if (pointer === "") throw misfit(pointer, "the whole object cannot be removed");
  const { parent, last } = parentOf(root, pointer);
  if (Array.isArray(parent)) parent.splice(indexOf(last, parent.length - 1, pointer), 1);
  else if (isFields(parent) && Object.hasOwn(parent, last)) delete parent[last];
  else throw misfit(pointer, "there is nothing at that path");
  return root;
}

function indexOf(part: string, max: number, pointer: string): number {
  const index = /^(0|[1-9]\d*)$/.test(part) ? Number(part) : Number.NaN;
  if (!(index <= max)) throw misfit(pointer, `"${part}" is not an index of that list`);
  return index;
}

function misfit(pointer: string, why: string): StatusError {
  const message = `the server rejected our request due to an error in our request: ${why}`;
  return new StatusError(422, "Invalid", `${message} (JSON patch at "${pointer}")`);
}
