// Objects as rows of a Table, which is what `kubectl get` prints, or reduced to their metadata.

import type { ApiObject, KindInfo } from "@weft/api";
import { apiVersionOf } from "./catalog.ts";
import { badRequest } from "./status.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableOptions {
  readonly info: KindInfo;
  /** The served version objects are shown in. */
  readonly version: string;
  /** Of meta.k8s.io. */
  readonly tableVersion: "v1" | "v1beta1";
  readonly includeObject: IncludeObject;
  readonly nowMs: number;
}

export interface ListMeta {
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get("includeObject") ?? "";
  if (value === "" || value === "Metadata") return "Metadata";
  if (value === "None" || value === "Object") return value;
  throw badRequest(`unrecognized includeObject value: "${value}"`);
}

export function tableOf(
  options: TableOptions,
  objects: readonly ApiObject[],
  metadata: ListMeta,
): object {
  const rows = objects.map((object) => rowOf(options, object));
  return { ...tableHead(options, metadata), rows };
}

/** A Table without its rows. */
export function tableHead(options: TableOptions, metadata: ListMeta): object {
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${options.tableVersion}`,
    metadata,
    columnDefinitions: options.info.columns.map((column) => ({
      name: column.name,
      type: column.type,
      format: column.format,
      description: column.description,
      priority: column.priority,
    })),
  };
}

export function rowOf(options: TableOptions, object: ApiObject): object {
  return {
    cells: options.info.columns.map((column) => column.cell(object, options.nowMs)),
    ...rowObject(options, object),
  };
}

function rowObject(options: TableOptions, object: ApiObject): object {
  switch (options.includeObject) {
    case "None":
      return { object: null };
    case "Metadata":
      return { object: partialObject(object, options.tableVersion) };
    case "Object":
      return { object: inVersion(options.info, options.version, object) };
  }
}

export function partialObject(object: ApiObject, version: string): object {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: object.metadata,
  };
}

/** The object as the version of the request shows it; all served versions have one shape. */
export function inVersion(info: KindInfo, version: string, object: ApiObject): ApiObject {
  const apiVersion = apiVersionOf(info.group, version);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}
