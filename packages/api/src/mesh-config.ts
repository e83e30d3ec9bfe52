// MeshConfig (weft.dev): what holds for the whole mesh where nothing closer says otherwise. There
// is one, `default`.

import { pathColumn } from "./column.ts";
import { conditions } from "./condition.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { mtlsSchema } from "./peer-authentication.ts";
import { choice, object, type Static } from "./schema.ts";
import { trafficProperties } from "./traffic-settings.ts";
import { WEFT_GROUP, WEFT_VERSION } from "./workload.ts";

export const MESH_CONFIG_NAME = "default";

const spec = object("What holds for the whole mesh.", {
  outbound: choice(
    "What a workload may call beside the mesh's services: AllowAny, or RegistryOnly for nothing.",
    ["AllowAny", "RegistryOnly"],
    { default: "AllowAny" },
  ),
  mtls: mtlsSchema,
  traffic: object(
    "As in a TrafficPolicy, for services that have no closer one.",
    trafficProperties,
  ),
});

const status = object("What became of it.", {
  conditions: conditions("Accepted and Programmed."),
});

export type MeshConfigSpec = Static<typeof spec>;

const schema = kindSchema(
  "weft.dev/v1alpha1",
  "MeshConfig",
  "What holds for the whole mesh where nothing closer says otherwise.",
  { spec, status },
  { required: ["spec"] },
);

export type MeshConfig = Static<typeof schema>;

export const meshConfigKind: KindInfo<MeshConfig> = defineKind({
  schema,
  group: WEFT_GROUP,
  version: WEFT_VERSION,
  kind: "MeshConfig",
  plural: "meshconfigs",
  shortNames: ["mc"],
  categories: ["weft"],
  namespaced: false,
  columns: [
    pathColumn("Outbound", "What may be called.", ".spec.outbound"),
    pathColumn("Mode", "The mode of mutual TLS.", ".spec.mtls.mode"),
  ],
  check(object, report) {
    if (object.metadata.name !== MESH_CONFIG_NAME) {
      report.invalid("metadata.name", object.metadata.name, `must be '${MESH_CONFIG_NAME}'`);
    }
  },
});
