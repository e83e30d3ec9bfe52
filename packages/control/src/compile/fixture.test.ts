// A mesh for tests: objects as a user would write them, with the API's defaults, held to the API's
// validation; and what was compiled, decoded.

import assert from "node:assert/strict";
import { type ApiObject, apiVersionOf, formatFieldError, storedKinds } from "@weft/api";

import { Cluster } from "@weft/xds/messages/envoy/config/cluster/v3/cluster.js";
import { ClusterLoadAssignment } from "@weft/xds/messages/envoy/config/endpoint/v3/endpoint.js";
import { Listener } from "@weft/xds/messages/envoy/config/listener/v3/listener.js";
import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import type {
  Route,
  VirtualHost,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { Any } from "@weft/xds/messages/google/protobuf/any.js";
import { applyEvent, type ModelEvent } from "../model/apply-event.ts";
import { type Change, emptyChange } from "../model/change.ts";
import { createModel, type Model } from "../model/model.ts";
import type { ClientClass } from "./client-class.ts";
import { type CompileResult, Compiler } from "./compile.ts";
import type { CompiledResource } from "./resource.ts";

export interface Written {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly labels?: Record<string, string>;
  /** Seconds after the epoch; written objects are a second apart otherwise. */
  readonly createdAt?: number;
  readonly spec?: unknown;
  readonly status?: unknown;
  /** Fields beside spec, for EndpointSlices. */
  readonly rest?: Record<string, unknown>;
}

export class Mesh {
  readonly model: Model = createModel();
  readonly compiler: Compiler = new Compiler(this.model, { trustDomain: "weft.local" });
  #revision = 0;
  #change: Change = { ...emptyChange(), isEverything: true };
  /** What the last `compile` touched. */
  last: Change = this.#change;

  put(...objects: readonly Written[]): this {
    for (const written of objects) this.apply({ type: "put", ...this.#event(written) });
    return this;
  }

  delete(...objects: readonly Pick<Written, "kind" | "namespace" | "name">[]): this {
    for (const { kind, namespace, name } of objects) {
      const metadata = namespace === undefined ? { name } : { name, namespace };
      this.apply({ type: "delete", kind, object: { metadata }, revision: ++this.#revision });
    }
    return this;
  }

  apply(event: ModelEvent): void {
    applyEvent(this.model, event, this.#change);
  }

  compile(): CompileResult {
    const steps = this.compiler.apply(this.#change);
    this.last = this.#change;
    this.#change = emptyChange();
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  #event(written: Written): Omit<ModelEvent, "type"> {
    const object = complete(written, ++this.#revision);
    return { kind: written.kind, object, revision: this.#revision };
  }

  clusters(): Map<string, Cluster> {
    return decodeAll(this.compiler.clusters.values(), Cluster);
  }

  endpoints(): Map<string, ClusterLoadAssignment> {
    return decodeAll(this.compiler.endpoints.values(), ClusterLoadAssignment);
  }

  /** `address:port` of every endpoint of a service port, in order. */
  addresses(name: string): string[] {
    const assignment = this.endpoints().get(name);
    assert.ok(assignment, `no endpoints named ${name}`);
    return assignment.endpoints.flatMap((locality) => locality.lbEndpoints.map(addressOf));
  }

  table(namespace: string, client: ClientClass = "builtin"): RouteConfiguration {
    return decode(this.compiler.routeTable(client, namespace), RouteConfiguration);
  }

  host(namespace: string, name: string, client: ClientClass = "builtin"): VirtualHost {
    const host = this.table(namespace, client).virtualHosts.find((one) => one.name === name);
    assert.ok(host, `no virtual host named ${name}`);
    return host;
  }

  inbound(key: string): Map<string, Listener> {
    const workload = this.model.objects.Workload.get(key);
    assert.ok(workload, `no workload ${key}`);
    return decodeAll(this.compiler.inbound(workload).listeners, Listener);
  }
}

type Codec<T> = { decode(bytes: Uint8Array): T };

export function decode<T>(resource: CompiledResource, codec: Codec<T>): T {
  return codec.decode(Any.decode(resource.any).value);
}

function decodeAll<T>(resources: Iterable<CompiledResource>, codec: Codec<T>): Map<string, T> {
  return new Map([...resources].map((one) => [one.name, decode(one, codec)]));
}

export function addressOf(
  endpoint: ClusterLoadAssignment["endpoints"][number]["lbEndpoints"][number],
): string {
  assert.equal(endpoint.hostIdentifier?.$case, "endpoint");
  const address = endpoint.hostIdentifier.endpoint.address?.address;
  assert.equal(address?.$case, "socketAddress");
  const port = address.socketAddress.portSpecifier;
  assert.equal(port?.$case, "portValue");
  return `${address.socketAddress.address}:${port.portValue}`;
}

/** Our own section of a message's metadata. */
export function weft(message: {
  metadata: { filterMetadata: Record<string, unknown> } | undefined;
}): Record<string, unknown> {
  return (message.metadata?.filterMetadata["dev.weft"] ?? {}) as Record<string, unknown>;
}

/** Where a route sends: `cluster=weight …`, a status, or a location. */
export function outcome(route: Route | undefined): string {
  const { action } = route ?? {};
  if (action?.$case === "directResponse") return String(action.directResponse.status);
  if (action?.$case === "redirect") return "redirect";
  assert.equal(action?.$case, "route");
  const specifier = action.route.clusterSpecifier;
  if (specifier?.$case === "cluster") return specifier.cluster;
  assert.equal(specifier?.$case, "weightedClusters");
  return specifier.weightedClusters.clusters.map((one) => `${one.name}=${one.weight}`).join(" ");
}

/** The object as the store would hold it: with defaults, valid. */
export function complete(written: Written, revision: number): ApiObject {
  const info = storedKinds.find((one) => one.kind === written.kind);
  assert.ok(info, `no kind ${written.kind}`);
  const object: ApiObject = {
    apiVersion: apiVersionOf(info),
    kind: written.kind,
    metadata: {
      name: written.name,
      ...(info.namespaced ? { namespace: written.namespace ?? "shop" } : {}),
      ...(written.labels === undefined ? {} : { labels: written.labels }),
      uid: `uid-${written.kind}-${written.name}`,
      creationTimestamp: new Date((written.createdAt ?? revision) * 1000).toISOString(),
      resourceVersion: String(revision),
      generation: revision,
    },
    ...(written.spec === undefined ? {} : { spec: plain(written.spec) }),
    ...(written.status === undefined ? {} : { status: plain(written.status) }),
    ...(plain(written.rest ?? {}) as object),
  };
  info.defaults(object);
  assert.deepEqual(info.validate(object).map(formatFieldError), [], written.name);
  return object;
}

/** A copy as it comes from JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const HTTP_PORTS = [{ name: "http", port: 80, targetPort: "http", appProtocol: "http" }];

/** A Service that selects the workloads labelled with its name. */
export function service(
  name: string,
  spec: Record<string, unknown> = {},
  namespace = "shop",
): Written {
  const whole = { selector: { "weft.dev/service": name }, ports: HTTP_PORTS, ...spec };
  return { kind: "Service", namespace, name, spec: whole };
}

const READY = { conditions: [condition("Ready", "True")] };

export function condition(type: string, status: string): Record<string, unknown> {
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  return { type, status, reason: "Test", message: "", lastTransitionTime };
}

/** A Ready workload with a sidecar. */
export function workload(
  name: string,
  of: string,
  spec: Record<string, unknown> = {},
  more: Partial<Written> = {},
): Written {
  const ports = [{ name: "http", port: 8080, protocol: "HTTP", meshPort: 15_006 }];
  return {
    kind: "Workload",
    namespace: "shop",
    name,
    labels: { "weft.dev/service": of, version: "v1" },
    spec: { serviceAccount: of, address: "127.0.0.1", ports, ...spec },
    status: READY,
    ...more,
  };
}

export function route(
  name: string,
  parents: readonly (string | Record<string, unknown>)[],
  rules: readonly unknown[],
  more: Partial<Written> = {},
): Written {
  const parentRefs = parents.map((parent) =>
    typeof parent === "string" ? { group: "", kind: "Service", name: parent } : parent,
  );
  return { kind: "HTTPRoute", namespace: "shop", name, spec: { parentRefs, rules }, ...more };
}

export function trafficPolicy(
  name: string,
  target: { kind: string; name: string; sectionName?: string },
  settings: Record<string, unknown>,
  more: Partial<Written> = {},
): Written {
  const spec = { targetRefs: [{ group: "", ...target }], ...settings };
  return { kind: "TrafficPolicy", namespace: "shop", name, spec, ...more };
}

export function peerAuthentication(
  name: string,
  spec: Record<string, unknown>,
  more: Partial<Written> = {},
): Written {
  return { kind: "PeerAuthentication", namespace: "shop", name, spec, ...more };
}
