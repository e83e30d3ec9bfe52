// DeleteOptions, from the body or the query. Grace periods and propagation are accepted; objects
// here have nothing to wait for but their finalizers.

import { decodeObject, isFields, mediaType } from "./body.ts";
import type { DeletePreconditions } from "./operations.ts";
import { isDryRun } from "./parameters.ts";
import type { RestRequest } from "./request.ts";
import { badRequest, invalid } from "./status.ts";

export interface GivenDeleteOptions extends DeletePreconditions {
  readonly isDryRun: boolean;
}

export function deleteOptionsOf(request: RestRequest): GivenDeleteOptions {
  const { query, body } = request;
  const isDry = isDryRun(query);
  if (body.length === 0) {
    checkPropagation(query.get("propagationPolicy"));
    return { uid: null, resourceVersion: null, isDryRun: isDry };
  }
  const { value } = decodeObject(body, mediaType(request.headers.get("content-type")));
  const { kind = "DeleteOptions", preconditions = {}, dryRun, propagationPolicy } = value;
  if (kind !== "DeleteOptions") throw badRequest("the body of a DELETE must be DeleteOptions");
  if (!isFields(preconditions)) throw badRequest("preconditions must be an object");
  checkPropagation(propagationPolicy ?? query.get("propagationPolicy"));
  const asked = new URLSearchParams(
    (Array.isArray(dryRun) ? dryRun : []).map((one) => ["dryRun", String(one)]),
  );
  return {
    uid: textOrNull(preconditions["uid"]),
    resourceVersion: textOrNull(preconditions["resourceVersion"]),
    isDryRun: isDry || isDryRun(asked),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

const policies = ["Orphan", "Background", "Foreground"];

function checkPropagation(policy: unknown): void {
  if (policy === undefined || policy === null || policy === "") return;
  if (typeof policy === "string" && policies.includes(policy)) return;
  const supported = policies.map((one) => JSON.stringify(one)).join(", ");
  throw invalid("DeleteOptions", "meta.k8s.io", "", [
    {
      path: "propagationPolicy",
      reason: "FieldValueNotSupported",
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: ${supported}`,
    },
  ]);
}
