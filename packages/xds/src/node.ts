// What a Weft agent says of itself in the `Node` of its first request; written by the agent, read
// by the control plane, which trusts only what the client certificate confirms.

import { Node } from "../messages/envoy/config/core/v3/base.js";
import { StatusCode } from "./status.ts";
import type { XdsPeer, XdsRefusal } from "./snapshot.ts";

export interface NodePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly meshPort: number;
}

/** One `--upstream` of an Envoy, which binds what it is told. */
export interface NodeUpstream {
  /** As written on the flag. */
  readonly name: string;
  readonly service: string;
  readonly namespace: string;
  /** 0: the service's only port, else 80, else its first. */
  readonly port: number;
  readonly listenPort: number;
}

/** `kind` is `builtin` or `envoy`; "" when the node did not say. */
export interface NodeDescription {
  readonly namespace: string;
  readonly workload: string;
  readonly serviceAccount: string;
  /** The service's name, or the service account's when client-only. */
  readonly cluster: string;
  readonly kind: string;
  readonly version: string;
  readonly ports: readonly NodePort[];
  /** Where an Envoy is to take outbound traffic: it binds what it is told. Without: 15001. */
  readonly outboundPort?: number;
  /** Where an Envoy is to listen for single services. Default none. */
  readonly upstreams?: readonly NodeUpstream[];
}

export function writeNode(node: NodeDescription): Node {
  return Node.fromPartial({
    id: `${node.namespace}/${node.workload}`,
    cluster: node.cluster,
    metadata: {
      KIND: node.kind,
      NAMESPACE: node.namespace,
      WORKLOAD: node.workload,
      SERVICE_ACCOUNT: node.serviceAccount,
      VERSION: node.version,
      PORTS: node.ports.map((port) => ({ ...port })),
      ...(node.outboundPort !== undefined && { OUTBOUND_PORT: node.outboundPort }),
      ...(node.upstreams !== undefined && {
        UPSTREAMS: node.upstreams.map((upstream) => ({ ...upstream })),
      }),
    },
    userAgentName: "weft",
    userAgentVersionType: { $case: "userAgentVersion", userAgentVersion: node.version },
  });
}

/** Null when the id is not `<namespace>/<workload>` or contradicts the metadata. */
export function readNode(node: Node): NodeDescription | null {
  const id = /^([^/]+)\/([^/]+)$/.exec(node.id);
  if (id === null) return null;
  const [, namespace = "", workload = ""] = id;
  const metadata: Record<string, unknown> = node.metadata ?? {};
  const text = (key: string): string => {
    const value = metadata[key];
    return typeof value === "string" ? value : "";
  };
  if (metadata["NAMESPACE"] !== undefined && text("NAMESPACE") !== namespace) return null;
  if (metadata["WORKLOAD"] !== undefined && text("WORKLOAD") !== workload) return null;
  return {
    namespace,
    workload,
    serviceAccount: text("SERVICE_ACCOUNT"),
    cluster: node.cluster,
    kind: text("KIND"),
    version: text("VERSION"),
    ports: readPorts(metadata["PORTS"]),
    ...(isPort(metadata["OUTBOUND_PORT"]) && { outboundPort: metadata["OUTBOUND_PORT"] }),
    ...(metadata["UPSTREAMS"] !== undefined && {
      upstreams: readUpstreams(metadata["UPSTREAMS"]),
    }),
  };
}

/** Refuses a node that is not covered by the peer's SPIFFE ID; null lets it pass. */
export function refuseNode(node: Node, peer: XdsPeer): XdsRefusal | null {
  if (peer.spiffeId === null) {
    const message = "configuration is sent to clients with a certificate of this mesh only";
    return { refused: { code: StatusCode.unauthenticated, message } };
  }
  const description = readNode(node);
  const wanted =
    description === null ? "" : `/ns/${description.namespace}/sa/${description.serviceAccount}`;
  const path = peer.spiffeId.slice(peer.spiffeId.indexOf("/", "spiffe://".length));
  if (wanted === path) return null;
  const message = `node ${JSON.stringify(node.id)} is not covered by the identity ${peer.spiffeId}`;
  return { refused: { code: StatusCode.permissionDenied, message } };
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;
}

/** So many are more than anybody's. */
const upstreamsMax = 256;

function readUpstreams(value: unknown): NodeUpstream[] {
  if (!Array.isArray(value)) return [];
  const upstreams: NodeUpstream[] = [];
  for (const item of (value as readonly unknown[]).slice(0, upstreamsMax)) {
    if (typeof item !== "object" || item === null) continue;
    const { name, service, namespace, port, listenPort } = item as Record<string, unknown>;
    if (typeof name !== "string" || typeof service !== "string") continue;
    if (typeof namespace !== "string" || !isPort(listenPort)) continue;
    upstreams.push({ name, service, namespace, port: isPort(port) ? port : 0, listenPort });
  }
  return upstreams;
}

function readPorts(value: unknown): NodePort[] {
  if (!Array.isArray(value)) return [];
  const ports: NodePort[] = [];
  for (const item of value as readonly unknown[]) {
    if (typeof item !== "object" || item === null) continue;
    const { name, port, protocol, meshPort } = item as Record<string, unknown>;
    if (typeof name !== "string" || typeof port !== "number") continue;
    ports.push({
      name,
      port,
      protocol: typeof protocol === "string" ? protocol : "tcp",
      meshPort: typeof meshPort === "number" ? meshPort : 0,
    });
  }
  return ports;
}
