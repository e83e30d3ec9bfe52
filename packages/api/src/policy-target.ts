// What a policy attaches to (GEP-713): objects of the policy's own namespace, or that namespace
// itself.

import type { Reporter } from "./field-error.ts";
import type { ObjectMeta } from "./metadata.ts";
import { dnsSubdomain, groupName, kindName, objectName } from "./name.ts";
import { object, type Static } from "./schema.ts";

export const policyTargetReferenceSchema = object(
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

/** Targets are distinct Services of the policy's namespace, or that Namespace. */
export function checkTargets(
  targets: readonly PolicyTargetReference[],
  meta: ObjectMeta,
  report: Reporter,
): void {
  const seen = new Set<string>();
  targets.forEach((target, index) => {
    const at = report.at(index);
    if (target.group !== "") at.notSupported("group", target.group, [""]);
    if (!(TARGET_KINDS as readonly string[]).includes(target.kind)) {
      at.notSupported("kind", target.kind, TARGET_KINDS);
    }
    if (target.kind === "Namespace") checkNamespaceTarget(target, meta, at);
    const key = [target.kind, target.name, target.sectionName ?? ""].join("/");
    if (seen.has(key)) report.duplicate(`[${index}]`, target);
    seen.add(key);
  });
}

function checkNamespaceTarget(target: PolicyTargetReference, meta: ObjectMeta, at: Reporter): void {
  if (target.name !== meta.namespace) {
    at.invalid("name", target.name, "a policy can only target the namespace it lies in");
  }
  if (target.sectionName !== undefined) {
    at.forbidden("sectionName", "a Namespace has no sections");
  }
}
