// What a policy attaches to (GEP-713): objects of the policy's own namespace, or that namespace
// itself.

import type { Reporter } from "./field-error.ts";
import type { ObjectMeta } from "./metadata.ts";
import { dnsSubdomain, groupName, kindName, objectName } from "./name.ts";
import { list, object, type Schema, type Static, withRules } from "./schema.ts";

const policyTargetReferenceSchema = object(
  "What a policy attaches to, in the policy's own namespace.",
  {
    group: groupName("Group of the object; empty for a Service or Namespace."),
    kind: kindName("Kind of the object: Service or Namespace."),
    name: objectName("Name of the object."),
    sectionName: dnsSubdomain("One port of a Service, by name."),
  },
  { required: ["group", "kind", "name"] },
);

export type PolicyTargetReference = Static<typeof policyTargetReferenceSchema>;

const TARGET_KINDS = ["Service", "Namespace"] as const;

/** Distinct Services of the policy's namespace, or that Namespace (see `checkTargets`). */
export function policyTargets(description: string): Schema<PolicyTargetReference[]> {
  const refs = list(description, policyTargetReferenceSchema, { minItems: 1, maxItems: 16 });
  return withRules(refs, checkTargetList);
}

/** A Namespace that is targeted is the policy's own. */
export function checkTargets(
  targets: readonly PolicyTargetReference[],
  meta: ObjectMeta,
  report: Reporter,
): void {
  targets.forEach((target, index) => {
    if (target.kind === "Namespace" && target.name !== meta.namespace) {
      const detail = "a policy can only target the namespace it lies in";
      report.invalid(`[${index}].name`, target.name, detail);
    }
  });
}

function checkTargetList(targets: readonly PolicyTargetReference[], report: Reporter): void {
  const seen = new Set<string>();
  targets.forEach((target, index) => {
    const at = report.at(index);
    if (target.group !== "") at.notSupported("group", target.group, [""]);
    if (!(TARGET_KINDS as readonly string[]).includes(target.kind)) {
      at.notSupported("kind", target.kind, TARGET_KINDS);
    }
    if (target.kind === "Namespace" && target.sectionName !== undefined) {
      at.forbidden("sectionName", "a Namespace has no sections");
    }
    const key = [target.kind, target.name, target.sectionName ?? ""].join("/");
    if (seen.has(key)) report.duplicate(`[${index}]`, target);
    seen.add(key);
  });
}
