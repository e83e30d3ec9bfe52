// Envoy's admin interface, as far as an agent needs it.

import { askUnixSocket, type UnixAnswer } from "@weft/runtime";

const timeoutMs = 5_000;

interface ListenerStatuses {
  readonly listener_statuses?: readonly { readonly name: string }[];
}

interface StatList {
  readonly stats: readonly { readonly name?: string; readonly value?: number }[];
}

export class EnvoyAdmin {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Rejects when Envoy does not answer, or not with 200. */
  async get(target: string): Promise<string> {
    const { body, status } = await this.#ask("GET", target);
    if (status === 200) return body;
    throw new Error(`Envoy answered ${target} with ${status}: ${body.slice(0, 200)}`);
  }

  async json<T>(target: string): Promise<T> {
    return JSON.parse(await this.get(target)) as T;
  }

  async post(target: string): Promise<void> {
    await this.#ask("POST", target);
  }

  /** It has its first configuration, and listens under these names. */
  async isLive(listeners: readonly string[]): Promise<boolean> {
    try {
      const { status } = await this.#ask("GET", "/ready");
      if (status !== 200) return false;
      const known = await this.json<ListenerStatuses>("/listeners?format=json");
      const names = new Set(known.listener_statuses?.map(({ name }) => name));
      return listeners.every((name) => names.has(name));
    } catch {
      // Not there yet, or ended just now.
      return false;
    }
  }

  /** Requests and byte streams under way; null when Envoy does not say. */
  async inFlight(): Promise<number | null> {
    const active =
      "^http\\..*\\.downstream_rq_active$|^cluster\\.inbound/tcp\\.upstream_cx_active$";
    const target = `/stats?format=json&filter=${encodeURIComponent(active)}`;
    try {
      const { stats } = await this.json<StatList>(target);
      const counted = stats.filter(
        ({ name }) => name !== undefined && !name.startsWith("http.admin."),
      );
      return counted.reduce((sum, { value = 0 }) => sum + value, 0);
    } catch {
      return null;
    }
  }

  #ask(method: "GET" | "POST", target: string): Promise<UnixAnswer> {
    return askUnixSocket({ socket: this.#socket, method, target, timeoutMs });
  }
}
