// Which sockets the proxy of one workload opens (the port table of design section 4). A taken port
// is replaced by a free one; the first inbound listener prefers 15006.

import type { CaptureAddresses, ProxyAddresses, ProxyPorts } from "@weft/proxy";
import type { AgentOptions } from "./options.ts";

const ports = { admin: 15000, outbound: 15001, inbound: 15006, readiness: 15021, metrics: 15090 };

type AddressOptions = Pick<
  AgentOptions,
  "port" | "protocol" | "appAddress" | "upstreams" | "ephemeral" | "capture" | "keepsClientAddress"
>;

/** Both families. */
const everyAddress = "::";
/** Connections from it are this host's own, and nobody else uses it. */
const selfAddress = "127.0.0.6";

/** `lastInbound` is where peers knew this workload before it was started again. */
export function proxyAddresses(
  options: AddressOptions,
  address: string,
  lastInbound: ProxyPorts["inbound"],
): ProxyAddresses {
  // The program's own port is its own, also when it is one of ours.
  const prefer = (port: number): number => (options.ephemeral || port === options.port ? 0 : port);
  const capture = options.capture !== null;
  return {
    outbound: {
      address: capture ? everyAddress : "127.0.0.1",
      preferredPort: prefer(ports.outbound),
    },
    admin: { address: "127.0.0.1", preferredPort: prefer(ports.admin) },
    metrics: { address, preferredPort: prefer(ports.metrics) },
    readiness: { address, preferredPort: prefer(ports.readiness) },
    capture:
      options.capture === null
        ? null
        : {
            inbound: { address: everyAddress, preferredPort: prefer(ports.inbound) },
            isTransparent: options.capture.inboundBy === "tproxy",
            keepsClientAddress: options.keepsClientAddress ?? false,
            peerDial: peerDial(options.appAddress, address),
          },
    inbound:
      options.port === null || !isInboundMeshed(options)
        ? []
        : [
            {
              portName: options.protocol,
              address,
              preferredPort: prefer(lastInbound[options.protocol] ?? ports.inbound),
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

/** A declared port that capture leaves alone has no sidecar in front of it. */
function isInboundMeshed({ capture, port }: Pick<AgentOptions, "capture" | "port">): boolean {
  return port !== null && capture?.excludedInboundPorts.includes(port) !== true;
}

/**
 * Where program and workload have one address, a connection of the proxy to its own workload as a
 * peer, which is to be captured, differs from one to the program by where it comes from.
 */
function peerDial(appAddress: string, address: string): { address: string; from: string } | null {
  return appAddress === address && !address.includes(":") ? { address, from: selfAddress } : null;
}

export interface MovedPort {
  readonly what: string;
  readonly wanted: number;
  readonly got: number;
}

/** The ports that were taken and had to be replaced. */
export function movedPorts(wanted: ProxyAddresses, got: ProxyPorts): MovedPort[] {
  const pairs: MovedPort[] = [
    { what: "outbound", wanted: wanted.outbound.preferredPort, got: got.outbound },
    { what: "admin", wanted: wanted.admin.preferredPort, got: got.admin },
    { what: "metrics", wanted: wanted.metrics.preferredPort, got: got.metrics },
    { what: "readiness", wanted: wanted.readiness.preferredPort, got: got.readiness },
    ...(wanted.capture == null ? inboundPairs(wanted, got) : capturedPairs(wanted.capture, got)),
  ];
  return pairs.filter((pair) => pair.wanted !== 0 && pair.wanted !== pair.got);
}

function inboundPairs(wanted: ProxyAddresses, got: ProxyPorts): MovedPort[] {
  return wanted.inbound.map(({ portName, preferredPort }) => ({
    what: `inbound ${portName}`,
    wanted: preferredPort,
    got: got.inbound[portName] ?? 0,
  }));
}

function capturedPairs(wanted: CaptureAddresses, got: ProxyPorts): MovedPort[] {
  const { preferredPort } = wanted.inbound;
  // A workload that only calls has none.
  if (got.capturedInbound === 0) return [];
  return [{ what: "inbound", wanted: preferredPort, got: got.capturedInbound }];
}
