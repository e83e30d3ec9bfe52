// Gateway (Gateway API v1, standard channel): listeners at the edge of the mesh.

import { pathColumn } from "./column.ts";
import { conditions } from "./condition.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import { DOMAIN_PATH, pendingCondition } from "./gateway-class.ts";
import {
  checkAddress,
  checkAddresses,
  checkInfrastructure,
  checkListeners,
  checkListenerTls,
} from "./gateway-rules.ts";
import type { KindInfo } from "./kind.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import {
  dnsSubdomain,
  groupName,
  hostname,
  kindName,
  objectName,
  portNumber,
  SUBDOMAIN,
} from "./name.ts";
import {
  GATEWAY_GROUP,
  localObjectReferenceSchema,
  objectReferenceSchema,
  secretObjectReferenceSchema,
} from "./ref.ts";
import {
  about,
  choice,
  integer,
  list,
  map,
  object,
  type Schema,
  type Static,
  string,
  withRules,
} from "./schema.ts";

const PROTOCOL_PATTERN = `^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|${SUBDOMAIN}\\/[A-Za-z0-9]+$`;
const ADDRESS_TYPE_PATTERN = `^Hostname|IPAddress|NamedAddress|${DOMAIN_PATH}$`;
const LABEL_VALUE_PATTERN = "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";

const addressType = string("IPAddress, Hostname, NamedAddress, or a domain and a path.", {
  minLength: 1,
  maxLength: 253,
  pattern: ADDRESS_TYPE_PATTERN,
  default: "IPAddress",
});

const specAddress = withRules(
  object("An address that is wanted.", {
    type: addressType,
    value: string("The address; empty: any of the type.", { maxLength: 253 }),
  }),
  checkAddress,
);

const statusAddress = withRules(
  object(
    "An address that was given.",
    { type: addressType, value: string("The address.", { minLength: 1, maxLength: 253 }) },
    { required: ["value"] },
  ),
  checkAddress,
);

const routeKind = object(
  "A kind of route.",
  {
    group: groupName("Its group.", { default: GATEWAY_GROUP }),
    kind: kindName("The kind, e.g. HTTPRoute."),
  },
  { required: ["kind"] },
);

const sameNamespace = { from: "Same" } as const;

const allowedRoutes = object(
  "Which routes may attach.",
  {
    kinds: list("Their kinds; absent: those that fit the protocol.", routeKind, { maxItems: 8 }),
    namespaces: object(
      "Their namespaces.",
      {
        from: choice("All, the Gateway's own, or those selected.", ["All", "Selector", "Same"], {
          default: "Same",
        }),
        selector: about(labelSelectorSchema, "The namespaces of Selector."),
      },
      { default: sameNamespace },
    ),
  },
  { default: { namespaces: sameNamespace } },
);

const optionMap = { minLength: 0, maxLength: 4096 } as const;

const listenerTlsShape = object("How TLS is treated.", {
  mode: choice("Terminate ends it here, Passthrough does not.", ["Terminate", "Passthrough"], {
    default: "Terminate",
  }),
  certificateRefs: list("Secrets with certificates and keys.", secretObjectReferenceSchema, {
    maxItems: 64,
  }),
  options: map("Options of the controller.", string("", optionMap), { maxProperties: 16 }),
});
export type GatewayListenerTls = Static<typeof listenerTlsShape>;
const listenerTls: Schema<GatewayListenerTls> = withRules(listenerTlsShape, checkListenerTls);

const listener = object(
  "A port that is listened on.",
  {
    name: dnsSubdomain("Its name, unique in the Gateway."),
    hostname: hostname("The only host it serves; absent: all."),
    port: portNumber("The port."),
    protocol: string("HTTP, HTTPS, TLS, TCP, UDP, or a domain and a name.", {
      minLength: 1,
      maxLength: 255,
      pattern: PROTOCOL_PATTERN,
    }),
    tls: listenerTls,
    allowedRoutes,
  },
  { required: ["name", "port", "protocol"] },
);

const clientValidation = object("How certificates of clients are checked.", {
  validation: object(
    "The check.",
    {
      caCertificateRefs: list("Where the roots are.", objectReferenceSchema, {
        minItems: 1,
        maxItems: 16,
      }),
      mode: choice(
        "Whether a client without a valid certificate is let in.",
        ["AllowValidOnly", "AllowInsecureFallback"],
        { default: "AllowValidOnly" },
      ),
    },
    { required: ["caCertificateRefs"] },
  ),
});

const perPort = object(
  "The check on one port.",
  { port: portNumber("The port."), tls: clientValidation },
  { required: ["port", "tls"] },
);

const tls = object("TLS towards clients and backends.", {
  backend: object("Towards backends.", {
    clientCertificateRef: about(
      secretObjectReferenceSchema,
      "The certificate that is shown to them.",
    ),
  }),
  frontend: object(
    "Towards clients.",
    {
      default: about(clientValidation, "The check on ports that perPort does not name."),
      perPort: list("Ports that differ.", perPort, {
        listType: "map",
        keys: ["port"],
        maxItems: 64,
      }),
    },
    { required: ["default"] },
  ),
});

const infrastructureShape = object("What is made to run the Gateway.", {
  labels: map(
    "Labels for it.",
    string("", { minLength: 0, maxLength: 63, pattern: LABEL_VALUE_PATTERN }),
    {
      maxProperties: 8,
    },
  ),
  annotations: map("Annotations for it.", string("", optionMap), { maxProperties: 16 }),
  parametersRef: about(localObjectReferenceSchema, "Settings of the controller."),
});
export type GatewayInfrastructure = Static<typeof infrastructureShape>;
const infrastructure: Schema<GatewayInfrastructure> = withRules(
  infrastructureShape,
  checkInfrastructure,
);

const allowedListeners = object("Which ListenerSets may attach.", {
  namespaces: object(
    "Their namespaces.",
    {
      from: choice(
        "All, the Gateway's own, those selected, or none.",
        ["All", "Selector", "Same", "None"],
        { default: "None" },
      ),
      selector: about(labelSelectorSchema, "The namespaces of Selector."),
    },
    { default: { from: "None" } },
  ),
});

const spec = object(
  "What is listened on.",
  {
    gatewayClassName: objectName("The class that serves it."),
    listeners: withRules(
      list("The listeners.", listener, {
        listType: "map",
        keys: ["name"],
        minItems: 1,
        maxItems: 64,
      }),
      checkListeners,
    ),
    addresses: withRules(
      list("Addresses that are wanted.", specAddress, { maxItems: 16 }),
      checkAddresses,
    ),
    infrastructure,
    allowedListeners,
    tls,
  },
  { required: ["gatewayClassName", "listeners"] },
);

const listenerStatus = object(
  "What is known of one listener.",
  {
    name: dnsSubdomain("The listener's name."),
    supportedKinds: list("Kinds of routes that may attach.", routeKind, { maxItems: 8 }),
    attachedRoutes: integer("How many routes are attached."),
    conditions: conditions("Accepted, Conflicted, ResolvedRefs and Programmed."),
  },
  { required: ["attachedRoutes", "conditions", "name"] },
);

const pending = [pendingCondition("Accepted"), pendingCondition("Programmed")];

const status = object(
  "What is known of the Gateway.",
  {
    addresses: list("Its addresses.", statusAddress, { maxItems: 16 }),
    conditions: conditions("Accepted and Programmed.", { default: pending }),
    listeners: list("Its listeners.", listenerStatus, {
      listType: "map",
      keys: ["name"],
      maxItems: 64,
    }),
    attachedListenerSets: integer("How many ListenerSets are attached."),
  },
  { default: { conditions: pending } },
);

export type GatewaySpec = Static<typeof spec>;
export type GatewayListener = Static<typeof listener>;
export type GatewayStatus = Static<typeof status>;

const schema = kindSchema(
  "gateway.networking.k8s.io/v1",
  "Gateway",
  "Listeners at the edge of the mesh.",
  { spec, status },
  { required: ["spec"] },
);

export type Gateway = Static<typeof schema>;

export const gatewayKind: KindInfo<Gateway> = defineKind({
  schema,
  group: GATEWAY_GROUP,
  version: "v1",
  otherVersions: ["v1beta1"],
  kind: "Gateway",
  plural: "gateways",
  shortNames: ["gtw"],
  categories: ["gateway-api"],
  namespaced: true,
  columns: [
    pathColumn("Class", "Its class.", ".spec.gatewayClassName"),
    pathColumn("Address", "Its addresses.", ".status.addresses[*].value"),
    pathColumn(
      "Programmed",
      "Whether proxies run it.",
      '.status.conditions[?(@.type=="Programmed")].status',
    ),
  ],
});
