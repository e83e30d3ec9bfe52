// Workload (weft.dev): one running copy with an address and an identity. Normally its agent writes
// it.

import { pathColumn } from "./column.ts";
import { conditions } from "./condition.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { Reporter } from "./field-error.ts";
import { isIpAddress } from "./format.ts";
import type { KindInfo } from "./kind.ts";
import { dnsLabel, dnsSubdomain, portNumber } from "./name.ts";
import {
  choice,
  integer,
  list,
  object,
  type Schema,
  type Static,
  string,
  withRules,
} from "./schema.ts";

/** The group and version of Weft's own kinds. */
export const WEFT_GROUP = "weft.dev";
export const WEFT_VERSION = "v1alpha1";

/** The label a Service selects by, and the labels and annotation that agents set. */
export const SERVICE_LABEL = "weft.dev/service";
export const VERSION_LABEL = "version";
export const REGISTERED_ANNOTATION = "weft.dev/registered";

const port = object(
  "A port that the program listens on.",
  {
    name: dnsLabel("Its name, which a Service's targetPort may name."),
    port: portNumber("The program's own port; its sidecar alone dials it."),
    protocol: choice("What is spoken there.", ["HTTP", "HTTP2", "GRPC", "TCP"], {
      default: "HTTP",
    }),
    meshPort: portNumber("The sidecar's port for it, which callers dial; absent: no sidecar."),
  },
  { required: ["name", "port"] },
);

const locality = object("Where it runs.", {
  region: string("The region.", { maxLength: 253 }),
  zone: string("The zone in the region.", { maxLength: 253 }),
  subZone: string("The part of the zone, such as a rack.", { maxLength: 253 }),
});

const specShape = object(
  "Where the workload is reached and who it is.",
  {
    serviceAccount: dnsSubdomain("The ServiceAccount in its SPIFFE ID.", { default: "default" }),
    address: string("The IP address where its sidecar (or, without one, the program) is reached."),
    ports: list("Its ports; none for a program that only calls others.", port, {
      listType: "map",
      keys: ["name"],
      maxItems: 64,
    }),
    weight: integer("Its share of requests against the others'; 0 takes none.", {
      minimum: 0,
      maximum: 65535,
      default: 100,
    }),
    locality,
  },
  { required: ["address"] },
);
export type WorkloadSpec = Static<typeof specShape>;
const spec: Schema<WorkloadSpec> = withRules(specShape, checkSpec);

const proxy = object("The sidecar beside it.", {
  kind: string("builtin or envoy."),
  version: string("Its version."),
  configVersion: string("The snapshot that it runs."),
  adminPort: portNumber("Its admin port, on loopback."),
  metricsPort: portNumber("Its metrics port."),
  readinessPort: portNumber("Its readiness port."),
  outboundPort: portNumber("Its outbound port, on loopback."),
  dnsPort: portNumber("Its DNS port, on loopback."),
});

const status = object("What is known of the workload.", {
  conditions: conditions("Observed facts; Ready says whether it takes requests."),
  proxy,
});

export type WorkloadPort = Static<typeof port>;
export type WorkloadStatus = Static<typeof status>;

const schema = kindSchema(
  "weft.dev/v1alpha1",
  "Workload",
  "One running copy of a program, with its address and identity.",
  { spec, status },
  { required: ["spec"] },
);

export type Workload = Static<typeof schema>;

export const workloadKind: KindInfo<Workload> = defineKind({
  schema,
  group: WEFT_GROUP,
  version: WEFT_VERSION,
  kind: "Workload",
  plural: "workloads",
  shortNames: ["wl"],
  categories: ["weft"],
  namespaced: true,
  selectableFields: ["spec.serviceAccount"],
  columns: [
    pathColumn(
      "Ready",
      "Whether it takes requests.",
      '.status.conditions[?(@.type=="Ready")].status',
    ),
    pathColumn("Account", "Its service account.", ".spec.serviceAccount"),
    pathColumn("Address", "Where it is reached.", ".spec.address"),
    pathColumn("Ports", "Its program's ports.", ".spec.ports[*].port"),
    pathColumn("Proxy", "Its sidecar.", ".status.proxy.kind", { wide: true }),
    pathColumn("Config", "The snapshot it runs.", ".status.proxy.configVersion", { wide: true }),
    pathColumn("Zone", "Where it runs.", ".spec.locality.zone", { wide: true }),
  ],
});

function checkSpec(value: WorkloadSpec, report: Reporter): void {
  if (!isIpAddress(value.address)) {
    report.invalid("address", value.address, "must be a valid IP address");
  }
  checkUnique(value.ports ?? [], "port", report);
  checkUnique(value.ports ?? [], "meshPort", report);
}

function checkUnique(
  ports: readonly WorkloadPort[],
  field: "port" | "meshPort",
  report: Reporter,
): void {
  const seen = new Set<number>();
  ports.forEach((one, index) => {
    const number = one[field];
    if (number === undefined) return;
    if (seen.has(number)) report.duplicate(`ports[${index}].${field}`, number);
    seen.add(number);
  });
}
