// Tells the control plane what the proxy is and which configuration it runs, for the Workload's
// `status.proxy`. At once on every registration; later only now and then, because each report is a
// write to the store and a change of the mesh reaches every proxy.

import { jitter, type Runtime, type Timer } from "@weft/runtime";
import type { ProxyStatus } from "@weft/xds/messages/weft/v1/agent.js";

export interface ProxyReportOptions {
  readonly runtime: Runtime;
  readonly read: () => ProxyStatus;
  readonly send: (status: ProxyStatus) => void;
}

const periodMs = 10_000;

export class ProxyReport {
  readonly #options: ProxyReportOptions;
  #told: string | null = null;
  #timer: Timer | null = null;

  constructor(options: ProxyReportOptions) {
    this.#options = options;
  }

  /** A new stream knows nothing. */
  registered(): void {
    this.#tell(this.#options.read());
  }

  /** The proxy may run another configuration; nothing happens before the first registration. */
  changed(): void {
    if (this.#told === null || this.#timer !== null) return;
    const status = this.#options.read();
    // The first configuration of a new proxy is news; after that there is time.
    if (this.#told === "" && status.configVersion !== "") return this.#tell(status);
    const { random, timers } = this.#options.runtime;
    this.#timer = timers.after(jitter(random, periodMs, 0.2), () => this.#onTimer(), {
      background: true,
    });
  }

  close(): void {
    this.#timer?.cancel();
  }

  #onTimer(): void {
    this.#timer = null;
    const status = this.#options.read();
    if (status.configVersion !== this.#told) this.#tell(status);
  }

  #tell(status: ProxyStatus): void {
    this.#told = status.configVersion;
    this.#options.send(status);
  }
}
