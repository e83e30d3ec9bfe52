// Objects from files: YAML or JSON, several documents, folders, standard input, Lists. A broken
// file is refused with its name and line before anything is sent.

import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { type ApiObject, findKind, type KindInfo } from "@weft/api";
import { LineCounter, parseAllDocuments } from "yaml";
import { CliFailure } from "./failure.ts";

export interface Manifest {
  readonly info: KindInfo;
  readonly object: ApiObject;
  /** `file` or `file (document 2)`, for messages. */
  readonly from: string;
}

/** Everything in `-f` arguments, Namespaces first, namespaces filled in. */
export function readManifests(files: readonly string[], namespace: string): Manifest[] {
  const manifests = files.flatMap((file) => expand(file).flatMap((name) => parse(name, namespace)));
  if (manifests.length === 0) {
    throw failure(
      "no-objects",
      `no objects in ${files.join(", ")}`,
      "Files end in .yaml, .yml or .json.",
    );
  }
  const isNamespace = (manifest: Manifest): number => (manifest.info.kind === "Namespace" ? 0 : 1);
  return manifests.toSorted((a, b) => isNamespace(a) - isNamespace(b));
}

function expand(file: string): string[] {
  if (file === "-") return ["-"];
  try {
    if (!statSync(file).isDirectory()) return [file];
    return readdirSync(file)
      .filter((name) => /\.(ya?ml|json)$/.test(name))
      .sort()
      .map((name) => path.join(file, name));
  } catch (error) {
    throw unreadable(file, error);
  }
}

function parse(file: string, namespace: string): Manifest[] {
  const name = file === "-" ? "standard input" : file;
  let text: string;
  try {
    text = readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw unreadable(name, error);
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document, index) => {
    const error = document.errors[0];
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      const reason = error.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "");
      throw failure(
        "yaml-broken",
        `${name}:${line}:${col}: ${reason ?? ""}`,
        "Nothing was applied.",
      );
    }
    const value: unknown = document.toJS();
    const from = documents.length === 1 ? name : `${name} (document ${index + 1})`;
    return value === null || value === undefined ? [] : toManifests(value, from, namespace);
  });
}

function toManifests(value: unknown, from: string, namespace: string): Manifest[] {
  const object = value as Partial<ApiObject> & { items?: unknown };
  if (
    typeof value !== "object" ||
    typeof object.apiVersion !== "string" ||
    typeof object.kind !== "string"
  ) {
    throw failure(
      "object-invalid",
      `${from}: not an object with apiVersion and kind`,
      "Nothing was applied.",
    );
  }
  if (object.kind.endsWith("List") && Array.isArray(object.items)) {
    return object.items.flatMap((item: unknown) => toManifests(item, from, namespace));
  }
  const info = findKind(object.apiVersion, object.kind);
  if (info === undefined) {
    throw failure(
      "kind-unknown",
      `${from}: there is no kind ${object.kind} in ${object.apiVersion}`,
      "See the kinds with `kubectl api-resources`, or `weft get --help`. Nothing was applied.",
    );
  }
  const metadata = object.metadata as ApiObject["metadata"] | undefined;
  if (typeof metadata?.name !== "string") {
    throw failure(
      "object-invalid",
      `${from}: metadata.name: Required value`,
      "Nothing was applied.",
    );
  }
  if (info.namespaced) metadata.namespace ??= namespace;
  // Of the object's own version, which may be an older one: the API takes it under no other path.
  const version = object.apiVersion.slice(object.apiVersion.indexOf("/") + 1);
  return [{ info: { ...info, version }, object: object as ApiObject, from }];
}

function unreadable(file: string, error: unknown): CliFailure {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  return failure("file-unreadable", `cannot read ${file} (${reason})`, "Check the name after -f.");
}

function failure(code: string, message: string, hint: string): CliFailure {
  return new CliFailure({ code, message, hint });
}
