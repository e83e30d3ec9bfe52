// TrafficPolicy (weft.dev): how callers treat a Service, or the defaults of a Namespace.

import { pathColumn } from "./column.ts";
import { conditions } from "./condition.ts";
import { defineKind, kindSchema } from "./define-kind.ts";
import type { KindInfo } from "./kind.ts";
import { checkTargets, policyTargets } from "./policy-target.ts";
import { object, type Static } from "./schema.ts";
import { trafficProperties } from "./traffic-settings.ts";
import { WEFT_GROUP, WEFT_VERSION } from "./workload.ts";

const spec = object(
  "Whom the policy is for and what it says.",
  {
    targetRefs: policyTargets("Services, or the policy's own Namespace for its defaults."),
    ...trafficProperties,
  },
  { required: ["targetRefs"] },
);

const status = object("What became of the policy.", {
  conditions: conditions("Accepted, Conflicted and Programmed."),
});

export type TrafficPolicySpec = Static<typeof spec>;

const schema = kindSchema(
  "weft.dev/v1alpha1",
  "TrafficPolicy",
  "How callers reach a Service: balancing, limits, ejection, retries and timeouts.",
  { spec, status },
  { required: ["spec"] },
);

export type TrafficPolicy = Static<typeof schema>;

export const trafficPolicyKind: KindInfo<TrafficPolicy> = defineKind({
  schema,
  group: WEFT_GROUP,
  version: WEFT_VERSION,
  kind: "TrafficPolicy",
  plural: "trafficpolicies",
  shortNames: ["tp"],
  categories: ["weft"],
  namespaced: true,
  columns: [
    pathColumn("Targets", "Whom it is for.", ".spec.targetRefs[*].name"),
    pathColumn(
      "Accepted",
      "Whether it is in force.",
      '.status.conditions[?(@.type=="Accepted")].status',
    ),
    pathColumn(
      "Programmed",
      "Whether proxies run it.",
      '.status.conditions[?(@.type=="Programmed")].status',
      {
        wide: true,
      },
    ),
  ],
  check(object, report) {
    checkTargets(object.spec.targetRefs, object.metadata, report.at("spec.targetRefs"));
  },
});
