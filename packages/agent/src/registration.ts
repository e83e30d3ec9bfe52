// What the agent says of its workload when it registers (design section 5, "Services and ports",
// "Life of weft run"). Pure.

import type { ProxyPorts } from "@weft/proxy";
import { writeNode } from "@weft/xds";
import type { Node } from "@weft/xds/messages/envoy/config/core/v3/base.js";
import { Register } from "@weft/xds/messages/weft/v1/agent.js";
import type { AgentOptions } from "./options.ts";

export interface DeclaredPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly meshPort: number;
}

/** Named like its protocol; none when client-only. */
export function declaredPorts(
  options: Pick<AgentOptions, "port" | "protocol">,
  inbound: ProxyPorts["inbound"],
): DeclaredPort[] {
  const { port, protocol } = options;
  if (port === null) return [];
  return [{ name: protocol, port, protocol, meshPort: inbound[protocol] ?? 0 }];
}

export function registrationOf(
  options: AgentOptions,
  workload: string,
  address: string,
  inbound: ProxyPorts["inbound"],
): Register {
  return Register.fromPartial({
    namespace: options.namespace,
    workload,
    serviceAccount: options.serviceAccount,
    service: options.port === null ? "" : options.service,
    labels: {
      ...options.labels,
      "weft.dev/service": options.service,
      ...(options.version === "" ? {} : { version: options.version }),
    },
    address,
    ports: declaredPorts(options, inbound),
    weight: options.weight,
    region: options.locality.region,
    zone: options.locality.zone,
    create: true,
    version: options.weftVersion,
    proxyKind: options.envoy === null ? "builtin" : "envoy",
    servicePort: options.port ?? 0,
    ephemeral: options.ephemeral,
  });
}

/** What its proxy says of itself over xDS. */
export function nodeOf(
  options: AgentOptions,
  workload: string,
  kind: "builtin" | "envoy",
  ports: ProxyPorts,
): Node {
  const { namespace, service, serviceAccount, weftVersion } = options;
  return writeNode({
    namespace,
    workload,
    serviceAccount,
    cluster: service,
    kind,
    version: weftVersion,
    ports: declaredPorts(options, ports.inbound),
    // An Envoy binds what the control plane tells it.
    ...(kind === "envoy" && {
      outboundPort: ports.outbound,
      upstreams: options.upstreams.map((one) => ({
        name: one.written,
        service: one.service,
        namespace: one.namespace,
        port: one.port ?? 0,
        listenPort: Number(ports.upstreams[one.written]?.replace(/^.*:/, "") ?? 0),
      })),
    }),
  });
}
