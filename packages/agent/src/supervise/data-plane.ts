// The proxy beside a workload as its agent holds it, whichever kind it is.

import type { DataPlane, ProxyPorts } from "@weft/proxy";
import type { XdsStream } from "@weft/xds";
import type { Node } from "@weft/xds/messages/envoy/config/core/v3/base.js";

export interface SupervisedProxy {
  readonly kind: "builtin" | "envoy";
  /** Of the proxy itself. */
  readonly version: string;
  readonly plane: DataPlane;
  /** Whether the control plane has answered a registration; again after each loss. */
  link(isUp: boolean): void;
  /** Ends the conversation with the control plane. */
  unlink(): void;
}

/** The way to the control plane. */
export interface ProxyLink {
  /** A delta ADS stream; throws while there is no channel. */
  readonly connect: () => XdsStream;
  readonly nodeOf: (kind: SupervisedProxy["kind"], ports: ProxyPorts) => Node;
}
