// GatewayClass (Gateway API v1): names the controller that serves Gateways of the class.

import { pathColumn } from "./column.ts";
import { conditions } from "./condition.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { SUBDOMAIN } from "./name.ts";
import { GATEWAY_GROUP, objectReferenceSchema } from "./ref.ts";
import { about, list, object, type Static, string } from "./schema.ts";

/** The controller name of a Gateway or route that Weft serves. */
export const WEFT_CONTROLLER = "weft.dev/control-plane";

/** A domain and a path, without anchors. */
export const DOMAIN_PATH: string = `${SUBDOMAIN}\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+`;

const CONTROLLER_PATTERN = `^${DOMAIN_PATH}$`;

export const controllerNameSchema = string("The controller, as a domain and a path.", {
  minLength: 1,
  maxLength: 253,
  pattern: CONTROLLER_PATTERN,
});

const EPOCH = "1970-01-01T00:00:00Z";

/** The condition of an object that no controller has looked at. */
export function pendingCondition(type: string): Record<string, string> {
  return {
    type,
    status: "Unknown",
    reason: "Pending",
    message: "No controller has looked at it yet.",
    lastTransitionTime: EPOCH,
  };
}

const pending = [pendingCondition("Accepted")];

const spec = object(
  "Who serves the class.",
  {
    controllerName: about(controllerNameSchema, "The controller that serves it; it cannot change."),
    description: string("What the class is for.", { maxLength: 64 }),
    parametersRef: about(objectReferenceSchema, "Settings of the controller."),
  },
  { required: ["controllerName"] },
);

const supportedFeature = object(
  "A feature.",
  { name: string("Its name.") },
  { required: ["name"] },
);

const status = object(
  "What the controller says.",
  {
    conditions: conditions("Accepted.", { default: pending }),
    supportedFeatures: list("What the controller supports.", supportedFeature, {
      listType: "map",
      keys: ["name"],
      maxItems: 64,
    }),
  },
  { default: { conditions: pending } },
);

const schema = kindSchema(
  "gateway.networking.k8s.io/v1",
  "GatewayClass",
  "A class of Gateways and the controller that serves them.",
  { spec, status },
  { required: ["spec"] },
);

export type GatewayClass = Static<typeof schema>;

export const gatewayClassKind: KindInfo<GatewayClass> = defineKind({
  schema,
  group: GATEWAY_GROUP,
  version: "v1",
  otherVersions: ["v1beta1"],
  kind: "GatewayClass",
  plural: "gatewayclasses",
  shortNames: ["gc"],
  categories: ["gateway-api"],
  namespaced: false,
  columns: [
    pathColumn("Controller", "Who serves it.", ".spec.controllerName"),
    pathColumn(
      "Accepted",
      "Whether it is served.",
      '.status.conditions[?(@.type=="Accepted")].status',
    ),
    pathColumn("Description", "What it is for.", ".spec.description", { wide: true }),
  ],
  checkUpdate(object, previous, report) {
    if (object.spec.controllerName !== previous.spec.controllerName) {
      report.invalid("spec.controllerName", object.spec.controllerName, "field is immutable");
    }
  },
});
