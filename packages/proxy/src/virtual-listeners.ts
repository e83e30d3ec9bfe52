// Addresses that stand for services (design section 5, "DNS without capture"). Without capture they
// are loopback addresses, and the outbound side listens on them at the services' ports; with
// capture nobody listens on them: the workers know whose they are. Either way a program that looks
// a name up and connects reaches the service through the mesh. They come to be when a name is first
// asked for.

import { bindExactly, type Inheritance, ListenError } from "@weft/runtime";
import type { NamedService } from "./config/service-names.ts";
import type { AssignedAddress } from "./messages.ts";
import type { SharedListener } from "./supervisor.ts";

/** What became of an address: all ports listen, somebody else has one, or some cannot be had. */
export type ListenOutcome = "listening" | "taken" | "partly";

/** The workers, as far as they are needed here. */
export interface ListenerOwner {
  addListeners(listeners: readonly SharedListener[]): Promise<void>;
  removeListeners(names: readonly string[]): void;
  /** Resolves when every worker knows. */
  assign(addresses: readonly AssignedAddress[]): Promise<void>;
}

interface Open {
  readonly service: string;
  readonly namespace: string;
  readonly names: Map<number, string>;
}

export class VirtualListeners {
  readonly #owner: ListenerOwner;
  readonly #inheritance: Inheritance;
  readonly #open = new Map<string, Open>();
  readonly #assigned = new Map<string, AssignedAddress>();

  constructor(owner: ListenerOwner, inheritance: Inheritance) {
    this.#owner = owner;
    this.#inheritance = inheritance;
  }

  /** Listens at every port of the service; ports it no longer has are closed. */
  async listen(address: string, found: NamedService): Promise<ListenOutcome> {
    const { service, namespace, ports } = found;
    const open = this.#open.get(address) ?? { service, namespace, names: new Map() };
    this.#closePorts(open, new Set(ports.map(({ port }) => port)));
    const bound: SharedListener[] = [];
    let outcome: ListenOutcome = "listening";
    for (const { port } of ports) {
      if (open.names.has(port)) continue;
      const listener = bind(this.#inheritance, address, port, found);
      if (listener === "EADDRINUSE") {
        for (const { bound: socket } of bound) socket?.close();
        return "taken";
      }
      if (typeof listener === "string") outcome = "partly";
      else bound.push(listener);
    }
    this.#open.set(address, open);
    for (const { order } of bound) open.names.set(order.port, order.name);
    if (bound.length > 0) await this.#owner.addListeners(bound);
    return outcome;
  }

  /** Captured connections to the address belong to the service from now on. */
  async assign(address: string, found: NamedService): Promise<void> {
    const { service, namespace } = found;
    if (this.#assigned.has(address)) return;
    const assigned = { address, service, namespace };
    this.#assigned.set(address, assigned);
    await this.#owner.assign([assigned]);
  }

  get assigned(): readonly AssignedAddress[] {
    return [...this.#assigned.values()];
  }

  /** Closes what belongs to services that are no more. */
  keepOnly(exists: (service: string, namespace: string) => boolean): void {
    for (const [address, open] of this.#open) {
      if (exists(open.service, open.namespace)) continue;
      this.#open.delete(address);
      this.#closePorts(open, new Set());
    }
  }

  #closePorts(open: Open, kept: ReadonlySet<number>): void {
    const gone = [...open.names.keys()].filter((port) => !kept.has(port));
    if (gone.length === 0) return;
    this.#owner.removeListeners(gone.map((port) => open.names.get(port) as string));
    for (const port of gone) open.names.delete(port);
  }
}

/** The socket, or the system's name of why not. */
function bind(
  inheritance: Inheritance,
  address: string,
  port: number,
  found: NamedService,
): SharedListener | string {
  const { service, namespace } = found;
  try {
    const name = `virtual/${address}:${port}`;
    const bound = inheritance.listener(name, address, () => bindExactly(address, port));
    const binding = { service, namespace, port };
    return {
      order: { name, resourceName: "outbound", binding, captured: null, address, port },
      bound,
    };
  } catch (error) {
    if (error instanceof ListenError) return error.code;
    throw error;
  }
}
