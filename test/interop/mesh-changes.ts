// The changes of the interop test, written through the API: routes, policies, endpoints, services.
// Whatever they are, what is asked for beside them must go on succeeding.

import {
  type ApiClient,
  type ApiObject,
  apiVersionOf,
  createApiClient,
  storedKinds,
} from "@weft/api";
import type { Random } from "@weft/runtime";

/** An object as it is written, without what is the same for all of its kind. */
export type Written = Record<string, unknown> & {
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
};

const weights = [0, 5, 10, 25, 50, 75, 90, 95, 100];

/** How many kinds of changes there are; they come in turn. */
const turns = 9;

export class MeshChanges {
  readonly #api: ApiClient;
  readonly #random: Random;
  readonly #programs: readonly number[];
  readonly #appeared: string[] = [];

  /** `programs`: ports of programs without a sidecar. */
  constructor(server: string, random: Random, programs: readonly number[]) {
    this.#api = createApiClient({ fetch, server, fieldManager: "test" });
    this.#random = random;
    this.#programs = programs;
  }

  /** What is there before traffic begins. */
  async begin(): Promise<void> {
    await this.apply({ kind: "Namespace", metadata: { name: "plain" } });
    for (const object of versionServices()) await this.apply(object);
    await this.apply(splitRoute(50, "begin"));
    await this.apply(plainService("ratings"));
    await this.#place("ratings", this.#programs);
    await this.apply(plainService("calls"));
    await this.apply(portService("streams", { name: "tcp", port: 9_000, appProtocol: "tcp" }));
    for (const object of otherRoutes()) await this.apply(object);
  }

  /**
   * Makes one change; answers the service that has to answer from now on, if there is a new one.
   */
  async make(at: number): Promise<string | null> {
    switch (at % turns) {
      case 0:
        await this.apply(splitRoute(this.#oneOf(weights), `change-${at}`));
        return null;
      case 1:
        await this.apply(this.#reviewsRoute(at));
        return null;
      case 2:
        await this.apply(this.#trafficPolicy(this.#oneOf(["catalog", "catalog-v1", "reviews"])));
        return null;
      case 3:
        await this.#place("ratings", this.#some());
        return null;
      case 4:
        await this.apply(peerAuthentication(this.#oneOf(["Strict", "Permissive"])));
        return null;
      case 5: {
        const name = `extra-${at}`;
        await this.apply(plainService(name));
        await this.#place(name, this.#some());
        this.#appeared.push(name);
        return `${name}.plain`;
      }
      case 6:
        await this.#apiWorkload(at);
        return null;
      case 7: {
        const target = this.#appeared.at(-1);
        if (target !== undefined) await this.apply(this.#grantedRoute(target));
        return null;
      }
      default: {
        const gone = this.#appeared.length > 1 ? this.#appeared.shift() : undefined;
        if (gone !== undefined) await this.#delete("Service", "plain", gone);
        return null;
      }
    }
  }

  async apply(object: Written): Promise<void> {
    const info = kindOf(object.kind);
    const { name, namespace = "default" } = object.metadata;
    const whole = {
      apiVersion: apiVersionOf(info),
      ...object,
      metadata: { ...object.metadata, ...(info.namespaced ? { namespace } : {}) },
    };
    const place = info.namespaced ? namespace : null;
    await this.#api.patch(info, place, name, "apply", whole, { force: true });
  }

  /**
   * The service's endpoints: a slice for each program, because a slice has one number for a port.
   */
  async #place(service: string, ports: readonly number[]): Promise<void> {
    for (const port of ports) await this.apply(slice(service, port));
    for (const port of this.#programs) {
      if (ports.includes(port)) continue;
      await this.#delete("EndpointSlice", "plain", `${service}-${port}`).catch(() => undefined);
    }
  }

  async #delete(kind: string, namespace: string, name: string): Promise<void> {
    await this.#api.delete<ApiObject>(kindOf(kind), namespace, name);
  }

  /** Workloads that somebody else writes: one without a sidecar beside the slice's endpoints. */
  async #apiWorkload(at: number): Promise<void> {
    const name = "ratings-other";
    if (at % 2 === 0) {
      await this.apply({
        kind: "Workload",
        metadata: { name, namespace: "plain", labels: { serves: "ratings" } },
        spec: {
          address: "127.0.0.1",
          serviceAccount: "ratings",
          weight: this.#oneOf([1, 100, 300]),
          ports: [{ name: "http", port: this.#oneOf(this.#programs), protocol: "HTTP" }],
        },
      });
    } else await this.#delete("Workload", "plain", name).catch(() => undefined);
  }

  /** Matches and filters of every sort; the last rule takes everything. */
  #reviewsRoute(at: number): Written {
    const matches = [
      { path: { type: "Exact", value: "/exact" } },
      { path: { type: "RegularExpression", value: "/items/[0-9]+(/.*)?" } },
      { path: { type: "PathPrefix", value: "/prefix" }, method: "POST" },
      { headers: [{ name: "X-Canary", type: "RegularExpression", value: "yes|true" }] },
      { queryParams: [{ name: "page", value: String(at) }] },
    ];
    const filters = [
      { type: "RequestHeaderModifier", requestHeaderModifier: { set: [header("x-a", "50%")] } },
      { type: "ResponseHeaderModifier", responseHeaderModifier: { remove: ["x-version"] } },
      { type: "URLRewrite", urlRewrite: { hostname: "rewritten.example" } },
      {
        type: "URLRewrite",
        urlRewrite: { path: { type: "ReplaceFullPath", replaceFullPath: "/a/b%31" } },
      },
      { type: "RequestMirror", requestMirror: { backendRef: { name: "catalog-v1", port: 80 } } },
    ];
    const backendRefs = [{ name: "reviews", port: 80 }];
    return {
      kind: "HTTPRoute",
      metadata: { name: "reviews" },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: "reviews" }],
        rules: [
          { matches: [this.#oneOf(matches)], filters: [this.#oneOf(filters)], backendRefs },
          {
            matches: [{ path: { value: "/gone" } }],
            filters: [{ type: "RequestRedirect", requestRedirect: { statusCode: 301, port: at } }],
          },
          { filters: [this.#oneOf(filters)], backendRefs, timeouts: { request: "10s" } },
        ],
      },
    };
  }

  /** A consumer route of our own namespace for a service of another. */
  #grantedRoute(service: string): Written {
    return {
      kind: "HTTPRoute",
      metadata: { name: "consumer" },
      spec: {
        parentRefs: [{ group: "", kind: "Service", name: service, namespace: "plain" }],
        rules: [
          {
            filters: [
              {
                type: "ResponseHeaderModifier",
                responseHeaderModifier: { add: [header("x-route", service)] },
              },
            ],
            backendRefs: [
              { name: service, namespace: "plain", port: 80, weight: 3 },
              { name: "ratings", namespace: "plain", port: 80, weight: 0 },
            ],
          },
        ],
      },
    };
  }

  #trafficPolicy(service: string): Written {
    const integer = (max: number): number => this.#random.integer(max);
    return {
      kind: "TrafficPolicy",
      metadata: { name: service },
      spec: {
        targetRefs: [{ group: "", kind: "Service", name: service }],
        loadBalancer: { algorithm: this.#oneOf(["RoundRobin", "Random", "LeastRequest"]) },
        circuitBreaker: { maxConnections: 100 + integer(900), maxRequests: 500 + integer(500) },
        outlierDetection: { consecutive5xx: 5 + integer(5), interval: `${1 + integer(9)}s` },
        retry: {
          attempts: 1 + integer(3),
          on: this.#oneOf([
            ["connect-failure", "refused-stream", 503],
            ["5xx", "reset"],
            ["gateway-error"],
          ]),
          budget: { percent: 10 + integer(80) },
        },
        timeout: { request: `${5 + integer(10)}s`, connect: `${1 + integer(4)}s`, idle: "60s" },
      },
    };
  }

  #oneOf<T>(values: readonly T[]): T {
    return values[this.#random.integer(values.length)] as T;
  }

  #some(): number[] {
    const chosen = this.#programs.filter(() => this.#random.next() < 0.5);
    return chosen.length > 0 ? chosen : [this.#oneOf(this.#programs)];
  }
}

function kindOf(kind: string): (typeof storedKinds)[number] {
  const info = storedKinds.find((one) => one.kind === kind);
  if (info === undefined) throw new Error(`no kind ${kind}`);
  return info;
}

function header(name: string, value: string): { name: string; value: string } {
  return { name, value };
}

/** The two versions of the catalog as services of their own. */
function versionServices(): Written[] {
  return ["v1", "v2"].map((version) => ({
    kind: "Service",
    metadata: { name: `catalog-${version}` },
    spec: {
      selector: { "weft.dev/service": "catalog", version },
      ports: [{ name: "http", port: 80, targetPort: "http", appProtocol: "http" }],
    },
  }));
}

/** Answers carry `label` in x-route, so that one can see which split they went by. */
export function splitRoute(weight: number, label: string): Written {
  return {
    kind: "HTTPRoute",
    metadata: { name: "catalog" },
    spec: {
      parentRefs: [{ group: "", kind: "Service", name: "catalog" }],
      rules: [
        {
          filters: [
            {
              type: "ResponseHeaderModifier",
              responseHeaderModifier: { set: [header("x-route", label)] },
            },
          ],
          backendRefs: [
            { name: "catalog-v1", port: 80, weight: 100 - weight },
            { name: "catalog-v2", port: 80, weight },
          ],
        },
      ],
    },
  };
}

/** A service of programs without sidecars. */
function plainService(name: string): Written {
  return {
    kind: "Service",
    metadata: { name, namespace: "plain" },
    spec: {
      selector: { serves: name },
      ports: [{ name: "http", port: 80, targetPort: "http", appProtocol: "http" }],
    },
  };
}

function portService(name: string, port: Record<string, unknown>): Written {
  const selector = { serves: name };
  return {
    kind: "Service",
    metadata: { name, namespace: "plain" },
    spec: { selector, ports: [port] },
  };
}

/** Routes of gRPC and of byte streams, in every form that is compiled. */
function otherRoutes(): Written[] {
  const made = (kind: string, service: string, spec: Record<string, unknown>): Written => {
    const parentRefs = [{ group: "", kind: "Service", name: service }];
    return { kind, metadata: { name: service, namespace: "plain" }, spec: { parentRefs, ...spec } };
  };
  // None that leads nowhere: Envoy's validation knows only clusters that exist.
  const toStreams = [{ name: "streams", port: 9_000, weight: 3 }];
  const type = "RegularExpression";
  const matches = [
    { method: { service: "shop.Catalog", method: "Get" } },
    { method: { service: "shop.Catalog" }, headers: [{ name: "x-a", value: "b" }] },
    { method: { method: "Watch" } },
    { method: { type, service: "a|b", method: "c.*" } },
  ];
  const backendRefs = [
    { name: "calls", port: 80, weight: 9 },
    { name: "ratings", port: 80, weight: 1 },
  ];
  return [
    made("GRPCRoute", "calls", { rules: [{ matches, backendRefs }, {}] }),
    made("TCPRoute", "streams", { rules: [{ backendRefs: toStreams }] }),
  ];
}

function slice(service: string, port: number): Written {
  return {
    kind: "EndpointSlice",
    metadata: {
      name: `${service}-${port}`,
      namespace: "plain",
      labels: { "kubernetes.io/service-name": service },
    },
    addressType: "IPv4",
    ports: [{ name: "http", port, protocol: "TCP" }],
    endpoints: [{ addresses: ["127.0.0.1"] }],
  };
}

function peerAuthentication(mode: string): Written {
  return { kind: "PeerAuthentication", metadata: { name: "default" }, spec: { mtls: { mode } } };
}
