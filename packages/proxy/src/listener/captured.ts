// A port to which the packet filter turns connections (design section 5, `--transparent`). Where
// one was going decides what becomes of it; one that was going nowhere else was made by somebody
// who knows the port, and is refused, so that nobody borrows this workload's identity.
//
// Outbound, in this order: an address that stands for a service is served as that service; an
// endpoint of the mesh is reached over mutual TLS; HTTP is routed by its authority as on any
// outbound listener, and what the mesh does not know goes on to where it was going, if the mesh
// lets it.

import { type Direction, matchVirtualHost, type WeightedClusterRow } from "@weft/rules";
import {
  acceptConnections,
  adoptAccepted,
  type ByteSocket,
  type Destination,
  formatAddress,
  originalDestination,
} from "@weft/runtime";
import { H1Downstream } from "../downstream/h1.ts";
import type { Entry, FixedHost } from "../exchange/exchange.ts";
import { fixedHostOf } from "../exchange/fixed-host.ts";
import { forward, type ForwardOptions } from "../tcp/forward.ts";
import { Refusal } from "../telemetry/refusals.ts";
import type { Thread } from "../thread.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import { Spoken } from "./detect.ts";
import { EndpointIndex } from "./endpoint-index.ts";
import { Asks, FirstBytes } from "./first-bytes.ts";
import { Listener } from "./listener.ts";
import { serve } from "./serve.ts";

export interface CapturedListenerOptions {
  readonly fd: number | null;
  readonly address: string;
  readonly port: number;
  readonly insists: boolean;
  readonly onListening: (port: number) => void;
}

/** A client that has said nothing for so long waits for its server. */
const silenceMs = 250;
/** Services' addresses that a worker remembers; a program that tries every port fills no more. */
const fixedHostsMax = 4096;
const nothing = Buffer.alloc(0);
const connectMethod = Buffer.from("CONNECT ");

abstract class CapturedListener {
  protected readonly thread: Thread;
  readonly #acceptor: { close(): void };
  #port: number;

  constructor(thread: Thread, options: CapturedListenerOptions) {
    this.thread = thread;
    this.#port = options.port;
    this.#acceptor = acceptConnections({
      fd: options.fd,
      address: options.address,
      port: options.port,
      insists: options.insists,
      onConnection: (accepted) => {
        const destination = originalDestination(accepted, this.#port);
        const socket = adoptAccepted(accepted);
        if (destination === null) this.refuse(socket, Refusal.CaptureBypassed);
        else this.serve(socket, destination);
      },
      onListening: (port) => {
        this.#port = port;
        options.onListening(port);
      },
      onError: (error) => thread.log.error("a listener failed", { reason: error.message }),
    });
  }

  close(): void {
    this.#acceptor.close();
  }

  protected abstract readonly direction: Direction;
  protected abstract serve(socket: ByteSocket, destination: Destination): void;

  protected refuse(socket: ByteSocket, refusal: Refusal, destination = ""): void {
    const listener = `captured ${this.direction}`;
    const fields = { listener, peer: socket.remoteAddress, ...(destination && { destination }) };
    this.thread.refusals.note(refusal, fields);
    socket.destroy();
  }
}

/** One for all declared ports. */
export class CapturedInbound extends CapturedListener {
  protected override readonly direction = "inbound";
  readonly #byPort = new Map<number, Listener>();

  constructor(thread: Thread, options: CapturedListenerOptions) {
    super(thread, options);
    for (const [resourceName, { port }] of thread.settings.programAddresses) {
      this.#byPort.set(port, fedListener(thread, resourceName, options));
    }
  }

  override close(): void {
    super.close();
    for (const listener of this.#byPort.values()) listener.close();
  }

  protected override serve(socket: ByteSocket, { port }: Destination): void {
    const listener = this.#byPort.get(port);
    if (listener === undefined) return socket.destroy();
    listener.take(socket);
  }
}

export class CapturedOutbound extends CapturedListener {
  protected override readonly direction = "outbound";
  readonly #fixedHosts = new Map<string, FixedHost>();
  readonly #endpoints: EndpointIndex;

  constructor(thread: Thread, options: CapturedListenerOptions) {
    super(thread, options);
    this.#endpoints = new EndpointIndex(thread);
  }

  protected override serve(socket: ByteSocket, destination: Destination): void {
    const assigned = this.thread.assigned.get(destination.address);
    if (assigned !== undefined) {
      const { service, namespace } = assigned;
      const fixedHost = this.#fixedHost(service, namespace, destination.port);
      return serve(socket, nothing, this.#entry(socket, fixedHost, null));
    }
    if (isVirtual(destination.address)) {
      return this.refuse(socket, Refusal.AddressUnknown, destination.address);
    }
    const authority = formatAddress(destination.address, destination.port);
    const endpoint = this.#endpoints.find(authority);
    if (endpoint !== null) {
      const clusters = [wholeOf(endpoint.cluster.name)];
      return this.#tunnel(socket, nothing, false, { authority, clusters, endpoint });
    }
    const options = { direction: "outbound", waitMs: silenceMs, asks: Asks.Spoken } as const;
    new FirstBytes(this.thread, socket, options, (bytes, spoken, hasEnded) => {
      const isConnect = bytes.subarray(0, connectMethod.length).equals(connectMethod);
      if (spoken !== Spoken.Http1 || isConnect) {
        return this.#passOn(socket, bytes, hasEnded, authority);
      }
      const entry = this.#entry(socket, null, authority);
      new H1Downstream(socket, entry, { allowUnknownMethods: true }).begin(bytes);
    }).begin();
  }

  /** To where it was going, as the mesh lets go of hosts it does not know. */
  #passOn(socket: ByteSocket, bytes: Buffer, hasEnded: boolean, authority: string): void {
    const { tables } = this.thread.current;
    const http = tables.listeners.get("outbound")?.plainChain?.http ?? null;
    const table = http?.routes ?? tables.routes.get(http?.routesName ?? "") ?? null;
    const row = table === null ? null : matchVirtualHost(table, authority)?.routes.at(-1);
    const clusters = row?.clusters ?? null;
    if (clusters === null) return this.refuse(socket, Refusal.HostUnknown, authority);
    this.#tunnel(socket, bytes, hasEnded, { authority, clusters, endpoint: null });
  }

  #tunnel(
    socket: ByteSocket,
    early: Buffer,
    hasEnded: boolean,
    to: Pick<ForwardOptions, "authority" | "clusters"> & { readonly endpoint: Endpoint | null },
  ): void {
    forward({
      ...to,
      thread: this.thread,
      direction: "outbound",
      weightTotal: to.clusters.reduce((sum, { weight }) => sum + weight, 0),
      socket,
      early,
      hasEnded,
      onConnected: null,
      onFailed: null,
    });
  }

  #fixedHost(service: string, namespace: string, port: number): FixedHost {
    const key = `${namespace}/${service}:${port}`;
    let found = this.#fixedHosts.get(key);
    if (found === undefined) {
      if (this.#fixedHosts.size >= fixedHostsMax) this.#fixedHosts.clear();
      found = fixedHostOf(service, namespace, port);
      this.#fixedHosts.set(key, found);
    }
    return found;
  }

  #entry(socket: ByteSocket, fixedHost: FixedHost | null, destination: string | null): Entry {
    return {
      thread: this.thread,
      peer: {
        remoteAddress: socket.remoteAddress,
        isTls: false,
        identity: "",
        clientCertificate: "",
        lastCell: null,
      },
      listenerName: "outbound",
      fixedHost,
      destination,
      isHttp2: false,
    };
  }
}

/** All of a cluster, as the routes of rules have it. */
function wholeOf(cluster: string): WeightedClusterRow {
  return { cluster, weight: 1, requestEdits: null, responseEdits: null, authorityLiteral: null };
}

/** 240.0.0.0/4 and 2001:2::/48: the agent's DNS makes addresses of them, nobody routes them. */
function isVirtual(address: string): boolean {
  const first = Number.parseInt(address, 10);
  return address.includes(":") ? address.startsWith("2001:2::") : first >= 240 && first < 255;
}

function fedListener(
  thread: Thread,
  resourceName: string,
  options: CapturedListenerOptions,
): Listener {
  return new Listener(thread, { ...options, resourceName, fixedHost: null, isFed: true });
}
