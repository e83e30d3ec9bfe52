// The client's end of delta ADS: keeps the subscriptions and the versions held over every
// reconnection, so that a control plane that comes back sends differences only, and never asks it
// to forget what it runs.

import { jitter, type Runtime, type Timer } from "@weft/runtime";
import type { Node } from "../messages/envoy/config/core/v3/base.js";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../messages/envoy/service/discovery/v3/discovery.js";
import { type ResourceType, resourceTypeOf, resourceTypes } from "./resource-types.ts";
import { type Status, StatusCode } from "./status.ts";
import type { XdsStream } from "./stream.ts";
import { tryDecode } from "./try-decode.ts";

export interface XdsUpdate {
  readonly name: string;
  readonly version: string;
  /** The encoded resource itself (the value of its Any). */
  readonly resource: Uint8Array;
}

export interface XdsClientHandler {
  /**
   * One response. null accepts it whole; a sentence refuses it whole, and what was held before
   * stays in force. Subscriptions made in here leave before the acknowledgement.
   * `snapshotVersion` is the server's version of the whole. Names without a resource, asked for
   * or held before, are in `removed`.
   */
  onUpdate(
    typeUrl: string,
    changed: readonly XdsUpdate[],
    removed: readonly string[],
    snapshotVersion: string,
  ): string | null;
  /** The first response of a new stream arrived. */
  onConnected?(): void;
  /** The stream ended; the client tries again after `retryMs`. */
  onDisconnected?(status: Status | null, retryMs: number): void;
}

export interface XdsClientOptions {
  readonly runtime: Runtime;
  readonly node: Node;
  readonly connect: () => XdsStream;
  readonly handler: XdsClientHandler;
  /** Versions held from an earlier life (a snapshot on disk): type URL, then name, then version. */
  readonly held?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
}

export interface XdsClient {
  /** Adds names, or with "*" everything of the type. */
  subscribe(typeUrl: string, names: readonly string[] | "*"): void;
  unsubscribe(typeUrl: string, names: readonly string[] | "*"): void;
  /** Every subscription has been answered at least once, or was held from an earlier life. */
  readonly isAnswered: boolean;
  /** A stream is open and has brought a response. */
  readonly isConnected: boolean;
  /** Versions accepted, to keep for `held`. */
  versions(typeUrl: string): ReadonlyMap<string, string>;
  close(): void;
}

export function createXdsClient(options: XdsClientOptions): XdsClient {
  return new Client(options);
}

interface Held {
  readonly type: ResourceType;
  readonly names: Set<string>;
  wildcard: boolean;
  readonly versions: Map<string, string>;
  /** Names the server answered, existing or not. */
  readonly answered: Set<string>;
  isWildcardAnswered: boolean;
  /** A request for the type went out on the present stream. */
  isBegun: boolean;
}

const defaultBackoff = { firstMs: 500, maxMs: 15_000 };

class Client implements XdsClient {
  readonly #options: XdsClientOptions;
  readonly #types = new Map<string, Held>();
  #stream: XdsStream | null = null;
  #isNodeSent = false;
  #isConnected = false;
  #attempts = 0;
  #retry: Timer | null;
  #isClosed = false;

  constructor(options: XdsClientOptions) {
    this.#options = options;
    for (const [typeUrl, versions] of options.held ?? []) {
      const held = this.#held(typeUrl);
      for (const [name, version] of versions) held.versions.set(name, version);
      held.isWildcardAnswered = true;
    }
    this.#retry = options.runtime.timers.after(0, () => this.#connect());
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get isAnswered(): boolean {
    for (const held of this.#types.values()) {
      if (held.wildcard && !held.isWildcardAnswered) return false;
      for (const name of held.names) {
        if (!held.answered.has(name) && !held.versions.has(name)) return false;
      }
    }
    return this.#types.size > 0;
  }

  versions(typeUrl: string): ReadonlyMap<string, string> {
    return this.#types.get(typeUrl)?.versions ?? new Map<string, string>();
  }

  subscribe(typeUrl: string, names: readonly string[] | "*"): void {
    const held = this.#held(typeUrl);
    const added: string[] = [];
    if (names === "*") {
      if (!held.wildcard) added.push("*");
      held.wildcard = true;
    } else {
      for (const name of names) {
        if (held.names.has(name)) continue;
        held.names.add(name);
        added.push(name);
      }
    }
    if (this.#stream === null || added.length === 0) return;
    if (held.isBegun) this.#send({ typeUrl, resourceNamesSubscribe: added });
    else this.#begin(held);
  }

  unsubscribe(typeUrl: string, names: readonly string[] | "*"): void {
    const held = this.#held(typeUrl);
    const gone: string[] = [];
    if (names === "*") {
      if (held.wildcard) gone.push("*");
      held.wildcard = false;
      held.isWildcardAnswered = false;
    } else for (const name of names) if (held.names.delete(name)) gone.push(name);
    for (const name of held.versions.keys()) if (!isWanted(held, name)) held.versions.delete(name);
    for (const name of held.answered) if (!isWanted(held, name)) held.answered.delete(name);
    if (this.#stream === null || gone.length === 0 || !held.isBegun) return;
    this.#send({ typeUrl, resourceNamesUnsubscribe: gone });
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#stream?.close();
    this.#stream = null;
    this.#isConnected = false;
  }

  #held(typeUrl: string): Held {
    let held = this.#types.get(typeUrl);
    if (held === undefined) {
      held = {
        type: resourceTypeOf(typeUrl),
        names: new Set(),
        wildcard: false,
        versions: new Map(),
        answered: new Set(),
        isWildcardAnswered: false,
        isBegun: false,
      };
      this.#types.set(typeUrl, held);
    }
    return held;
  }

  #connect(): void {
    this.#retry = null;
    if (this.#isClosed) return;
    this.#isNodeSent = false;
    for (const held of this.#types.values()) held.isBegun = false;
    let stream: XdsStream;
    try {
      stream = this.#options.connect();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return this.#onEnd({ code: StatusCode.unavailable, message });
    }
    this.#stream = stream;
    stream.begin({
      onMessage: (message) => this.#onMessage(message),
      onDrain: () => undefined,
      onEnd: (status) => this.#onEnd(status),
    });
    const known = resourceTypes.map((type) => type.typeUrl);
    for (const typeUrl of new Set([...known, ...this.#types.keys()])) {
      const held = this.#types.get(typeUrl);
      if (held !== undefined && (held.wildcard || held.names.size > 0)) this.#begin(held);
    }
  }

  /** The first request of a type on a stream says what is held (X13). */
  #begin(held: Held): void {
    held.isBegun = true;
    const versions: Record<string, string> = {};
    for (const [name, version] of held.versions) {
      if (isWanted(held, name)) versions[name] = version;
    }
    this.#send({
      typeUrl: held.type.typeUrl,
      resourceNamesSubscribe: [...(held.wildcard ? ["*"] : []), ...held.names],
      initialResourceVersions: versions,
    });
  }

  #send(request: Partial<DeltaDiscoveryRequest>): void {
    const node = this.#isNodeSent ? undefined : this.#options.node;
    this.#isNodeSent = true;
    const message = DeltaDiscoveryRequest.fromPartial({ ...request, ...(node && { node }) });
    this.#stream?.send(DeltaDiscoveryRequest.encode(message).finish());
  }

  #onMessage(bytes: Uint8Array): void {
    const stream = this.#stream;
    if (stream === null) return;
    const response = tryDecode(DeltaDiscoveryResponse, bytes);
    if (response === null) {
      const status = { code: StatusCode.internal, message: "not a discovery response" };
      stream.close(status);
      return this.#onEnd(status);
    }
    if (!this.#isConnected) {
      this.#isConnected = true;
      this.#attempts = 0;
      this.#options.handler.onConnected?.();
    }
    const refusal = this.#take(response);
    if (this.#stream !== stream) return;
    const { typeUrl, nonce } = response;
    if (refusal === null) return this.#send({ typeUrl, responseNonce: nonce });
    const fields = { type: resourceTypeOf(typeUrl).short };
    this.#options.runtime.log.warn(`refused configuration: ${refusal}`, fields);
    const errorDetail = { code: StatusCode.invalidArgument, message: refusal, details: [] };
    this.#send({ typeUrl, responseNonce: nonce, errorDetail });
  }

  /** Null when the response is accepted. */
  #take(response: DeltaDiscoveryResponse): string | null {
    const { typeUrl, resources, removedResources, systemVersionInfo } = response;
    const held = this.#types.get(typeUrl);
    if (held === undefined) return null;
    const changed: XdsUpdate[] = [];
    const seen = new Set<string>();
    for (const { name, version, resource } of resources) {
      if (resource === undefined || resource.typeUrl !== typeUrl)
        return `${name}: not a ${typeUrl}`;
      if (seen.has(name)) return `${name} occurs twice in one response`;
      seen.add(name);
      if (isWanted(held, name)) changed.push({ name, version, resource: resource.value });
    }
    const removed = removedResources.filter((name) => isWanted(held, name));
    const isAnswer = resources.length === 0 && removedResources.length === 0;
    if (isAnswer || changed.length > 0 || removed.length > 0) {
      const refusal = this.#options.handler.onUpdate(typeUrl, changed, removed, systemVersionInfo);
      if (refusal !== null) return refusal;
    }
    held.isWildcardAnswered ||= held.wildcard;
    for (const { name, version } of changed) {
      held.versions.set(name, version);
      held.answered.add(name);
    }
    for (const name of removed) {
      held.versions.delete(name);
      held.answered.add(name);
    }
    return null;
  }

  #onEnd(status: Status | null): void {
    this.#stream = null;
    if (this.#isClosed) return;
    const { firstMs, maxMs } = this.#options.backoff ?? defaultBackoff;
    const delayMs = Math.min(maxMs, firstMs * 1.6 ** this.#attempts);
    // Half to one and a half times: agents that lost the same server do not return together.
    const retryMs = jitter(this.#options.runtime.random, delayMs, 0.5);
    this.#attempts++;
    this.#isConnected = false;
    this.#retry = this.#options.runtime.timers.after(retryMs, () => this.#connect());
    this.#options.handler.onDisconnected?.(status, retryMs);
  }
}

function isWanted(held: Held, name: string): boolean {
  return held.wildcard || held.names.has(name);
}
