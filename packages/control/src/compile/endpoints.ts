// From a service's workloads and slices to the endpoints of each of its ports. This is one half of
// the crossing (style section 2): beyond this file a workload is an endpoint.

import type { EndpointSlice, Service, Workload, WorkloadPort } from "@weft/api";
import { findCondition, VERSION_LABEL } from "@weft/api";
import { typeUrls } from "@weft/xds";
import { membersOf } from "../model/membership.ts";
import { keyOf, type Model, type ObjectKey } from "../model/model.ts";
import {
  meshServiceAt,
  type ServicePort,
  servicePortsOf,
  slicePortFor,
  workloadPortFor,
} from "../model/service-ports.ts";
import type { CompileOptions } from "./compile-options.ts";
import {
  encodeAssignment,
  encodeEndpoint,
  type EndpointFields,
  type LocalityFields,
} from "./endpoint-encoder.ts";
import { modeOf } from "./mtls-mode.ts";
import { servicePortName, spiffeId } from "./names.ts";
import { type CompiledResource, compiledResource } from "./resource.ts";

/** The encoded endpoints of one version of one workload, by what decides them beside the object. */
export type EndpointCache = WeakMap<Workload, Map<string, Uint8Array>>;

export function createEndpointCache(): EndpointCache {
  return new WeakMap();
}

interface Placed {
  readonly key: string;
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  readonly weight: number;
  readonly bytes: Uint8Array;
}

const DEFAULT_WEIGHT = 100;

/** One assignment for each port of the service, with or without endpoints. */
export function compileEndpoints(
  model: Model,
  serviceKey: ObjectKey,
  options: CompileOptions,
  cache: EndpointCache,
): CompiledResource[] {
  const service = meshServiceAt(model, serviceKey);
  if (service === undefined) return [];
  const members = membersOf(model, service);
  const slices = slicesOf(model, serviceKey);
  return servicePortsOf(model, service).map((port) => {
    const name = servicePortName(
      service.metadata.namespace ?? "",
      service.metadata.name,
      port.port,
    );
    const placed = new Map<string, Placed>();
    for (const workload of members) {
      const own = workloadPortFor(port, workload);
      if (own === null || !takesRequests(workload, own)) continue;
      const one = placeWorkload(model, workload, own, options, cache);
      if (!placed.has(one.key)) placed.set(one.key, one);
    }
    for (const one of placeSlices(slices, port)) if (!placed.has(one.key)) placed.set(one.key, one);
    const bytes = encodeAssignment(name, byLocality([...placed.values()]));
    return compiledResource(typeUrls.endpoint, name, bytes, []);
  });
}

/** The workloads a service selects that have no port for one of its ports, by port. */
export function unmatchedPorts(
  model: Model,
  service: Service,
): { port: ServicePort; workloads: string[] }[] {
  const members = membersOf(model, service);
  const unmatched: { port: ServicePort; workloads: string[] }[] = [];
  for (const port of servicePortsOf(model, service)) {
    const workloads = members
      .filter((workload) => workloadPortFor(port, workload) === null)
      .map((workload) => workload.metadata.name);
    if (workloads.length > 0) unmatched.push({ port, workloads });
  }
  return unmatched;
}

/**
 * An agent's workload takes requests while its Ready condition is not False; before the first
 * health check there is none. A workload without a sidecar has nobody to set the condition.
 */
function takesRequests(workload: Workload, port: WorkloadPort): boolean {
  if (workload.metadata.deletionTimestamp !== undefined || workload.spec.weight === 0) return false;
  const ready = findCondition(workload.status?.conditions, "Ready")?.status;
  return ready === undefined ? port.meshPort === undefined : ready !== "False";
}

function placeWorkload(
  model: Model,
  workload: Workload,
  port: WorkloadPort,
  options: CompileOptions,
  cache: EndpointCache,
): Placed {
  const { address, weight = DEFAULT_WEIGHT, locality, serviceAccount = "default" } = workload.spec;
  const { namespace = "", labels } = workload.metadata;
  const isMeshed = port.meshPort !== undefined && modeOf(model, workload, port).value !== "Disable";
  const dialled = port.meshPort ?? port.port;
  let encoded = cache.get(workload);
  if (encoded === undefined) cache.set(workload, (encoded = new Map()));
  const cacheKey = `${options.trustDomain}/${dialled}/${isMeshed}`;
  let bytes = encoded.get(cacheKey);
  if (bytes === undefined) {
    const isHealthy = findCondition(workload.status?.conditions, "Ready")?.status !== "Unknown";
    bytes = encodeEndpoint({
      address,
      port: dialled,
      isHealthy,
      weight,
      isMeshed,
      workload: keyOf(workload),
      identity: spiffeId(options.trustDomain, namespace, serviceAccount),
      version: labels?.[VERSION_LABEL] ?? "",
    });
    encoded.set(cacheKey, bytes);
  }
  const { region = "", zone = "", subZone = "" } = locality ?? {};
  return { key: `${address}:${dialled}`, region, zone, subZone, weight, bytes };
}

function slicesOf(model: Model, serviceKey: ObjectKey): EndpointSlice[] {
  const slices: EndpointSlice[] = [];
  for (const key of [...model.slicesByService.get(serviceKey)].sort()) {
    const slice = model.objects.EndpointSlice.get(key);
    if (slice !== undefined) slices.push(slice);
  }
  return slices;
}

/** Endpoints without a sidecar. Names are left out: proxies dial addresses. */
function* placeSlices(slices: readonly EndpointSlice[], port: ServicePort): Generator<Placed> {
  for (const slice of slices) {
    const number = slicePortFor(port, slice);
    if (number === null || slice.addressType === "FQDN") continue;
    for (const { addresses, conditions, zone = "" } of slice.endpoints) {
      const address = addresses[0];
      if (address === undefined || conditions?.ready === false) continue;
      const fields: EndpointFields = {
        address,
        port: number,
        isHealthy: true,
        weight: DEFAULT_WEIGHT,
        isMeshed: false,
        workload: "",
        identity: "",
        version: "",
      };
      yield {
        key: `${address}:${number}`,
        region: "",
        zone,
        subZone: "",
        weight: DEFAULT_WEIGHT,
        bytes: encodeEndpoint(fields),
      };
    }
  }
}

/** Endpoints by locality; localities sorted, endpoints in the order given. */
function byLocality(placed: readonly Placed[]): LocalityFields[] {
  const groups = new Map<string, Placed[]>();
  for (const one of placed) {
    const place = `${one.region}\n${one.zone}\n${one.subZone}`;
    const group = groups.get(place);
    if (group === undefined) groups.set(place, [one]);
    else group.push(one);
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([place, members]) => {
      const [region = "", zone = "", subZone = ""] = place.split("\n");
      const weight = members.reduce((sum, one) => sum + one.weight, 0);
      return { region, zone, subZone, weight, endpoints: members.map((one) => one.bytes) };
    });
}
