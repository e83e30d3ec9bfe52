// Service (core v1): a callable name. Its workloads are those its selector matches (design section
// 5); Weft hands out no cluster IP and does not default targetPort.

import { column, showLabels } from "./column.ts";
import { conditions } from "./condition.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import {
  boolean,
  choice,
  integer,
  intOrString,
  list,
  map,
  object,
  type Schema,
  type Static,
  withRules,
  string,
} from "./schema.ts";
import {
  checkPort,
  checkPortNames,
  checkServiceSpec,
  checkServiceUpdate,
} from "./service-rules.ts";

const portShape = object(
  "One port of the service.",
  {
    name: string("Its name; required where the service has several ports."),
    protocol: choice("Its transport.", ["TCP", "UDP", "SCTP"], { default: "TCP" }),
    appProtocol: string(
      "Its application protocol: http, http2, grpc, tcp, kubernetes.io/h2c, or a database's name.",
    ),
    port: integer("The number that callers use."),
    targetPort: intOrString(
      "The workload's port by name or number; absent: the port of the same name, " +
        "else of the same number, else the only one.",
    ),
    nodePort: integer("A port of every node; kept, not used."),
  },
  { required: ["port"] },
);

export type ServicePort = Static<typeof portShape>;
const port: Schema<ServicePort> = withRules(portShape, checkPort);

const loadBalancerPort = object(
  "The fate of one port.",
  {
    port: integer("Its number."),
    protocol: string("Its transport.", { default: "TCP" }),
    error: string("What went wrong."),
  },
  { required: ["port"] },
);

const loadBalancerIngress = object("A way in.", {
  ip: string("Its IP address."),
  hostname: string("Its host name."),
  ipMode: string("VIP or Proxy."),
  ports: list("Its ports.", loadBalancerPort),
});

const specShape = object("What callers can use and which workloads answer.", {
  type: choice(
    "How it is reached; the mesh treats all but ExternalName alike.",
    ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"],
    { default: "ClusterIP" },
  ),
  selector: map("Labels that a Workload must carry to answer for this service.", string(""), {
    atomic: true,
  }),
  ports: withRules(
    list("The ports of the service.", port, {
      listType: "map",
      keys: ["port", "protocol"],
      mergeKey: "port",
    }),
    checkPortNames,
  ),
  clusterIP: string("An address of its own, None, or empty; Weft hands out none."),
  clusterIPs: list("The same for each address family; the first is clusterIP.", string("")),
  ipFamilies: list("Its address families.", choice("", ["IPv4", "IPv6"])),
  ipFamilyPolicy: choice("How many address families it has.", [
    "SingleStack",
    "PreferDualStack",
    "RequireDualStack",
  ]),
  externalIPs: list("Further addresses; kept, not used.", string("")),
  externalName: string("The DNS name that a service of type ExternalName stands for."),
  externalTrafficPolicy: choice("Who serves traffic from outside; kept, not used.", [
    "Cluster",
    "Local",
  ]),
  internalTrafficPolicy: choice(
    "Which endpoints serve callers of the mesh.",
    ["Cluster", "Local"],
    {
      default: "Cluster",
    },
  ),
  trafficDistribution: string("A preference among endpoints, e.g. PreferClose."),
  sessionAffinity: choice("Whether a caller stays with one endpoint.", ["None", "ClientIP"], {
    default: "None",
  }),
  sessionAffinityConfig: object("Settings of ClientIP.", {
    clientIP: object("By the caller's address.", {
      timeoutSeconds: integer("How long a caller stays."),
    }),
  }),
  publishNotReadyAddresses: boolean("Whether DNS also answers with endpoints that are not ready."),
  healthCheckNodePort: integer("Kept, not used."),
  allocateLoadBalancerNodePorts: boolean("Kept, not used."),
  loadBalancerClass: string("Kept, not used."),
  loadBalancerIP: string("Kept, not used."),
  loadBalancerSourceRanges: list("Kept, not used.", string("")),
});

export type ServiceSpec = Static<typeof specShape>;
const spec: Schema<ServiceSpec> = withRules(specShape, checkServiceSpec);

const status = object("What is known of the service.", {
  loadBalancer: object("Ways in from outside.", {
    ingress: list("The ways in.", loadBalancerIngress),
  }),
  conditions: conditions("Observed facts, such as ports that no workload serves.", {
    mergeKey: "type",
  }),
});

const schema = kindSchema(
  "v1",
  "Service",
  "A name that programs call, and the workloads that answer.",
  { spec, status },
  { required: ["spec"] },
);

export type Service = Static<typeof schema>;

export const serviceKind: KindInfo<Service> = defineKind({
  schema,
  group: "",
  version: "v1",
  kind: "Service",
  plural: "services",
  shortNames: ["svc"],
  categories: ["all"],
  namespaced: true,
  isCore: true,
  nameRule: "service",
  selectableFields: ["spec.clusterIP", "spec.type"],
  columns: [
    column("Type", "How it is reached.", (object) => object.spec.type ?? "ClusterIP"),
    column("Cluster-IP", "Its own address.", (object) => {
      const { type, clusterIP = "" } = object.spec;
      return type === "ExternalName" || clusterIP === "" ? "<none>" : clusterIP;
    }),
    column("External-IP", "Its addresses from outside.", showExternal),
    column("Port(s)", "Its ports.", (object) => showPorts(object.spec.ports ?? [])),
    column("Selector", "Labels of its workloads.", (object) => showLabels(object.spec.selector), {
      wide: true,
    }),
  ],
  checkUpdate(object, previous, report) {
    checkServiceUpdate(object.spec, previous.spec, report.at("spec"));
  },
});

function showPorts(ports: readonly ServicePort[]): string {
  const shown = ports.map(({ port: number, nodePort, protocol = "TCP" }) => {
    return nodePort === undefined ? `${number}/${protocol}` : `${number}:${nodePort}/${protocol}`;
  });
  return shown.length === 0 ? "<none>" : shown.join(",");
}

function showExternal(service: Service): string {
  const { type, externalName = "", externalIPs = [] } = service.spec;
  if (type === "ExternalName") return externalName;
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const reached = ingress.map((one) => one.ip ?? one.hostname ?? "").filter((one) => one !== "");
  const all = type === "LoadBalancer" ? [...reached, ...externalIPs] : externalIPs;
  if (all.length > 0) return all.join(",");
  return type === "LoadBalancer" ? "<pending>" : "<none>";
}
