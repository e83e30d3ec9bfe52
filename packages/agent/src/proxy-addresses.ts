// Which sockets the proxy of one workload opens (the port table of design section 4). A taken port
// is replaced by a free one; the first inbound listener prefers 15006.

import type { ProxyAddresses } from "@weft/proxy";
import type { AgentOptions } from "./options.ts";

const ports = { admin: 15000, outbound: 15001, inbound: 15006, readiness: 15021, metrics: 15090 };

export function proxyAddresses(options: AgentOptions, address: string): ProxyAddresses {
  const prefer = (port: number): number => (options.ephemeral ? 0 : port);
  return {
    outbound: { address: "127.0.0.1", preferredPort: prefer(ports.outbound) },
    admin: { address: "127.0.0.1", preferredPort: prefer(ports.admin) },
    metrics: { address, preferredPort: prefer(ports.metrics) },
    readiness: { address, preferredPort: prefer(ports.readiness) },
    inbound:
      options.port === null
        ? []
        : [
            {
              portName: options.protocol,
              address,
              preferredPort: prefer(ports.inbound),
              appAddress: options.appAddress,
              appPort: options.port,
              protocol: options.protocol,
            },
          ],
    upstreams: options.upstreams.map((upstream) => ({
      name: upstream.written,
      service: upstream.service,
      namespace: upstream.namespace,
      port: upstream.port,
    })),
  };
}
