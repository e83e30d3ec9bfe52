// Secret (core v1): named values that are secret, such as the certificate of a Gateway.

import { column } from "./column.ts";
import {
  checkDataKeys,
  checkImmutableData,
  countOf,
  DATA_BYTES_MAX,
  dataBytes,
} from "./config-map.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { boolean, map, string, type Static } from "./schema.ts";

/** The keys that a Secret of a known type must have. */
const requiredKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ["kubernetes.io/tls", ["tls.crt", "tls.key"]],
  ["kubernetes.io/ssh-auth", ["ssh-privatekey"]],
  ["kubernetes.io/dockerconfigjson", [".dockerconfigjson"]],
  ["kubernetes.io/dockercfg", [".dockercfg"]],
]);

const schema = kindSchema(
  "v1",
  "Secret",
  "Named secret values, such as a certificate and its key.",
  {
    data: map("Bytes in base64 by key.", { ...string(""), format: "byte" }),
    stringData: map("Texts by key, added to data on a write and never read back.", string("")),
    type: string("What it holds, e.g. Opaque or kubernetes.io/tls; it cannot change.", {
      default: "Opaque",
    }),
    immutable: boolean("Once true, data cannot change."),
  },
);

export type Secret = Static<typeof schema>;

export const secretKind: KindInfo<Secret> = defineKind({
  schema,
  group: "",
  version: "v1",
  kind: "Secret",
  plural: "secrets",
  namespaced: true,
  isCore: true,
  selectableFields: ["type"],
  columns: [
    column("Type", "What it holds.", (object) => object.type ?? "Opaque"),
    column("Data", "The number of keys.", (object) => countOf(object.data), { type: "integer" }),
  ],
  fillDefaults(object) {
    if (object.stringData === undefined) return;
    const added = Object.entries(object.stringData).map(([key, text]) => [key, toBase64(text)]);
    object.data = { ...object.data, ...(Object.fromEntries(added) as Record<string, string>) };
    delete object.stringData;
  },
  check(object, report) {
    checkDataKeys(object.data, report.at("data"));
    if (dataBytes(object.data) > (DATA_BYTES_MAX / 3) * 4) report.tooLong("data", DATA_BYTES_MAX);
    for (const key of requiredKeys.get(object.type ?? "") ?? []) {
      if (!Object.hasOwn(object.data ?? {}, key)) report.required(`data[${key}]`);
    }
    const isBasicAuth = object.type === "kubernetes.io/basic-auth";
    if (
      isBasicAuth &&
      object.data?.["username"] === undefined &&
      object.data?.["password"] === undefined
    ) {
      report.required("data[username]");
      report.required("data[password]");
    }
  },
  checkUpdate(object, previous, report) {
    if (object.type !== previous.type) report.invalid("type", object.type, "field is immutable");
    checkImmutableData(object, previous, ["data"], report);
  },
});

function toBase64(text: unknown): string {
  const bytes = new TextEncoder().encode(String(text));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
