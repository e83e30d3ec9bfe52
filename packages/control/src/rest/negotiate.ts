// What form the caller accepts: JSON as it is, as a Table, or only metadata. Clients send lists
// such as `application/vnd.kubernetes.protobuf, application/json`; the first entry we can make
// wins.

import { notAcceptable } from "./status.ts";

export type Form =
  | { readonly type: "object" }
  | { readonly type: "table"; readonly version: "v1" | "v1beta1" }
  | { readonly type: "metadata"; readonly version: "v1" | "v1beta1" };

const plain: Form = { type: "object" };

/** Throws 406 when nothing in `accept` can be made. */
export function negotiate(accept: string | undefined): Form {
  if (accept === undefined || accept.trim() === "") return plain;
  const entries = accept.split(",").map(parseEntry);
  const ranked = entries.toSorted((a, b) => b.quality - a.quality);
  for (const entry of ranked) {
    const form = formOf(entry);
    if (form !== null && entry.quality > 0) return form;
  }
  throw notAcceptable(["application/json"]);
}

interface AcceptEntry {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

function parseEntry(entry: string): AcceptEntry {
  const [type = "", ...rest] = entry.split(";").map((part) => part.trim());
  const parameters = new Map<string, string>();
  for (const parameter of rest) {
    const at = parameter.indexOf("=");
    if (at > 0) parameters.set(parameter.slice(0, at).trim(), parameter.slice(at + 1).trim());
  }
  const quality = Number(parameters.get("q") ?? "1");
  return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality };
}

function formOf(entry: AcceptEntry): Form | null {
  const { type, parameters } = entry;
  if (type !== "application/json" && type !== "application/*" && type !== "*/*") return null;
  const as = parameters.get("as");
  if (as === undefined) return plain;
  const version = parameters.get("v");
  if (parameters.get("g") !== "meta.k8s.io") return null;
  if (version !== "v1" && version !== "v1beta1") return null;
  if (as === "Table") return { type: "table", version };
  if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") {
    return { type: "metadata", version };
  }
  return null;
}
