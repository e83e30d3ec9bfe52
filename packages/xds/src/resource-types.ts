// The table of resource types: what each is called, in which order types are sent and dropped,
// and what an absence means. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol

export interface ResourceType {
  /** The usual three letters, for logs and metrics. */
  readonly short: string;
  readonly typeUrl: string;
  /** A client may ask for everything: an empty first list, or "*". */
  readonly hasWildcard: boolean;
  /** State of the world only: every response lists all, and what it does not list is deleted. */
  readonly listsAll: boolean;
  /**
   * Updates of these types are acknowledged (and new clusters have endpoints) before this one is
   * sent.
   */
  readonly waitsFor: readonly string[];
  /** A removal is held until these types are acknowledged: nothing may still point at what goes. */
  readonly removedAfter: readonly string[];
}

export const typeUrls = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  secret: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
} as const;

/** In the order of sending: make before break. */
export const resourceTypes: readonly ResourceType[] = Object.freeze([
  {
    short: "CDS",
    typeUrl: typeUrls.cluster,
    hasWildcard: true,
    listsAll: true,
    waitsFor: [],
    removedAfter: [typeUrls.listener, typeUrls.route],
  },
  {
    short: "EDS",
    typeUrl: typeUrls.endpoint,
    hasWildcard: false,
    listsAll: false,
    waitsFor: [],
    removedAfter: [typeUrls.listener, typeUrls.route, typeUrls.cluster],
  },
  {
    short: "LDS",
    typeUrl: typeUrls.listener,
    hasWildcard: true,
    listsAll: true,
    waitsFor: [typeUrls.cluster, typeUrls.endpoint],
    removedAfter: [],
  },
  {
    short: "RDS",
    typeUrl: typeUrls.route,
    hasWildcard: false,
    listsAll: false,
    waitsFor: [typeUrls.cluster, typeUrls.endpoint],
    removedAfter: [typeUrls.listener],
  },
  {
    short: "SDS",
    typeUrl: typeUrls.secret,
    hasWildcard: false,
    listsAll: false,
    waitsFor: [],
    removedAfter: [typeUrls.listener, typeUrls.cluster],
  },
]);

const byUrl: ReadonlyMap<string, ResourceType> = new Map(resourceTypes.map((t) => [t.typeUrl, t]));

/** The row of a type; types outside the table are served by name and wait for nothing. */
export function resourceTypeOf(typeUrl: string): ResourceType {
  return (
    byUrl.get(typeUrl) ?? {
      short: typeUrl.slice(typeUrl.lastIndexOf(".") + 1),
      typeUrl,
      hasWildcard: false,
      listsAll: false,
      waitsFor: [],
      removedAfter: [],
    }
  );
}
