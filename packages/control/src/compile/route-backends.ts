// Where the backendRefs of a route lead: to a port of a Service, or to the reason why they lead
// nowhere (Gateway API: InvalidKind, BackendNotFound, RefNotPermitted).

import { type BackendObjectReference, GATEWAY_GROUP, type Service } from "@weft/api";
import { type Model, type ObjectKey, objectKey } from "../model/model.ts";
import { isServiceRef, type RouteShape } from "../model/route-refs.ts";
import { meshServiceAt, type ServicePort, servicePortsOf } from "../model/service-ports.ts";

type RefProblem = "InvalidKind" | "BackendNotFound" | "RefNotPermitted";

export type ResolvedRef =
  | { readonly service: Service; readonly port: ServicePort; readonly problem: null }
  | { readonly service: null; readonly problem: RefProblem; readonly message: string };

/** `named` is the Service the caller named, whose route this is. */
export function resolveRef(
  model: Model,
  route: RouteShape,
  ref: BackendObjectReference,
  named: ObjectKey | null,
): ResolvedRef {
  const from = route.metadata.namespace ?? "";
  const namespace = ref.namespace ?? from;
  if (!isServiceRef(ref)) {
    const kind = `${ref.group === undefined || ref.group === "" ? "core" : ref.group}/${ref.kind}`;
    return refused("InvalidKind", `a backend of kind ${kind} is not supported; name a Service`);
  }
  const key = objectKey(namespace, ref.name);
  // The caller named this service already: sending there opens nothing.
  if (namespace !== from && key !== named && !isGranted(model, route, namespace, ref.name)) {
    const grant = `a ReferenceGrant in ${namespace} from ${route.kind}s of ${from} to Services`;
    return refused("RefNotPermitted", `Service ${key} needs ${grant}`);
  }
  const service = meshServiceAt(model, key);
  if (service === undefined) return refused("BackendNotFound", `there is no Service ${key}`);
  const port = servicePortsOf(model, service).find((one) => one.port === ref.port);
  if (port === undefined) {
    return refused("BackendNotFound", `Service ${key} has no port ${ref.port ?? "(none named)"}`);
  }
  return { service, port, problem: null };
}

function refused(problem: RefProblem, message: string): ResolvedRef {
  return { service: null, problem, message };
}

/** Whether a grant in `to` lets routes of this kind and namespace refer to a Service. */
function isGranted(model: Model, from: RouteShape, to: string, service: string): boolean {
  for (const key of model.byNamespace.get(`ReferenceGrant/${to}`)) {
    const spec = model.objects.ReferenceGrant.get(key)?.spec;
    const mayRefer = spec?.from.some(
      ({ group, kind, namespace }) =>
        group === GATEWAY_GROUP && kind === from.kind && namespace === from.metadata.namespace,
    );
    const isMeant = spec?.to.some(
      ({ group, kind, name }) =>
        group === "" && kind === "Service" && (name === undefined || name === service),
    );
    if (mayRefer === true && isMeant === true) return true;
  }
  return false;
}
