// Stands between a proxy that speaks xDS itself and the control plane: passes the messages of delta
// ADS on as the bytes they are, both ways, so that every ACK and NACK is the proxy's own; and keeps
// what the proxy acknowledged. While the control plane is away it serves that, under the versions
// it came with: who comes back to the control plane is sent differences only.

import { createHash } from "node:crypto";
import type { Runtime } from "@weft/runtime";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from "../messages/envoy/service/discovery/v3/discovery.js";
import type { XdsUpdate } from "./client.ts";
import { encodeAny } from "./encode-resource.ts";
import { createXdsServer, type XdsServer } from "./server.ts";
import type { Snapshot, XdsPeer } from "./snapshot.ts";
import { type Status, StatusCode } from "./status.ts";
import type { MessageSink, XdsStream } from "./stream.ts";
import { tryDecode } from "./try-decode.ts";

/** By type URL, then by name. */
export type HeldResources = ReadonlyMap<string, ReadonlyMap<string, XdsUpdate>>;

export interface XdsRelayOptions {
  readonly runtime: Runtime;
  /** A new delta ADS stream to the control plane. */
  readonly connect: () => XdsStream;
  /** The proxy acknowledged a response. */
  readonly onHeld: () => void;
  readonly onNack: (typeUrl: string, reason: string) => void;
}

export interface XdsRelay {
  /** Serves the proxy's stream until it ends. */
  serve(stream: XdsStream, peer: XdsPeer): void;
  /** Whether the control plane can be reached; false at first. */
  link(isUp: boolean): void;
  /** What was kept of an earlier life. */
  load(held: HeldResources): void;
  readonly held: HeldResources;
  /** Depends on what is held alone; "" when that is nothing. */
  readonly version: string;
  readonly isConnected: boolean;
  close(): void;
}

export function createXdsRelay(options: XdsRelayOptions): XdsRelay {
  return new Relay(options);
}

type Held = Map<string, Map<string, XdsUpdate>>;

const away: Status = {
  code: StatusCode.unavailable,
  message: "the control plane is away",
};
const back: Status = { code: StatusCode.unavailable, message: "the control plane is back" };
const versionLength = 16;

class Relay implements XdsRelay {
  readonly options: XdsRelayOptions;
  readonly held: Held = new Map();
  readonly #sessions = new Set<Session>();
  readonly #keeper: XdsServer;
  #version: string | null = "";
  isLinked = false;

  constructor(options: XdsRelayOptions) {
    this.options = options;
    const silent = (): void => undefined;
    this.#keeper = createXdsServer({
      runtime: options.runtime,
      source: {
        subscribe: (_, onSnapshot) => {
          onSnapshot(snapshotOf(this.version, this.held));
          return { close: silent };
        },
      },
      events: { onAck: silent, onNack: silent, onApplied: silent, onClose: silent },
    });
  }

  get version(): string {
    this.#version ??= versionOf(this.held);
    return this.#version;
  }

  get isConnected(): boolean {
    for (const session of this.#sessions) if (session.isAnswered) return true;
    return false;
  }

  serve(stream: XdsStream, peer: XdsPeer): void {
    const session = new Session(this, stream, peer);
    this.#sessions.add(session);
    session.begin();
  }

  link(isUp: boolean): void {
    this.isLinked = isUp;
    for (const session of this.#sessions) session.linkChanged();
  }

  load(held: HeldResources): void {
    for (const [typeUrl, resources] of held) this.held.set(typeUrl, new Map(resources));
    this.#version = null;
    for (const session of this.#sessions) session.linkChanged();
  }

  close(): void {
    for (const session of this.#sessions) session.close(away);
    this.#keeper.close();
  }

  serveKept(stream: XdsStream, peer: XdsPeer): void {
    this.#keeper.delta(stream, peer);
  }

  /** The proxy runs this response now. */
  keep(response: DeltaDiscoveryResponse, before: Readonly<Record<string, string>> | null): void {
    const { typeUrl, resources, removedResources } = response;
    const kept = this.#keptOf(typeUrl);
    if (before !== null) {
      // What it did not bring to this stream it does not run.
      for (const [name, { version }] of kept) if (before[name] !== version) kept.delete(name);
    }
    for (const { name, version, resource } of resources) {
      if (resource === undefined) continue;
      // A copy: the bytes are a view of the whole response.
      kept.set(name, { name, version, resource: Uint8Array.from(resource.value) });
    }
    for (const name of removedResources) kept.delete(name);
    this.#changed();
  }

  forget(typeUrl: string, names: readonly string[]): void {
    const kept = this.#keptOf(typeUrl);
    const isChanged = names.map((name) => kept.delete(name)).includes(true);
    if (isChanged) this.#changed();
  }

  ended(session: Session): void {
    this.#sessions.delete(session);
  }

  #keptOf(typeUrl: string): Map<string, XdsUpdate> {
    let kept = this.held.get(typeUrl);
    if (kept === undefined) {
      kept = new Map();
      this.held.set(typeUrl, kept);
    }
    return kept;
  }

  #changed(): void {
    this.#version = null;
    this.options.onHeld();
  }
}

/** One stream of the proxy: waits, is relayed, or is served from what is kept. */
class Session {
  readonly #relay: Relay;
  readonly #stream: XdsStream;
  readonly #peer: XdsPeer;
  #upstream: XdsStream | null = null;
  #kept: KeptStream | null = null;
  /** Requests nobody has answered: whoever serves the stream has to hear them. */
  #early: Uint8Array[] = [];
  isAnswered = false;
  #isOver = false;
  /** Responses the proxy has not answered, by nonce. */
  readonly #sent = new Map<string, DeltaDiscoveryResponse>();
  /** By type: the versions the proxy brought along, until its first acknowledgement. */
  readonly #brought = new Map<string, Readonly<Record<string, string>> | null>();

  constructor(relay: Relay, stream: XdsStream, peer: XdsPeer) {
    this.#relay = relay;
    this.#stream = stream;
    this.#peer = peer;
  }

  begin(): void {
    this.#stream.begin({
      onMessage: (bytes) => this.#onRequest(bytes),
      onDrain: () => this.#kept?.sink?.onDrain(),
      onEnd: () => this.#onEnd(),
    });
    this.linkChanged();
  }

  /** Also when there is something to serve now. */
  linkChanged(): void {
    const { held, isLinked } = this.#relay;
    if (this.#isOver) return;
    if (isLinked && this.#kept !== null) return this.close(back);
    if (this.#upstream !== null || this.#kept !== null) return;
    if (isLinked) this.#connect();
    else if (held.size > 0) this.#serveKept();
  }

  close(status: Status): void {
    if (this.#isOver) return;
    this.#finish();
    this.#stream.close(status);
  }

  #connect(): void {
    let upstream: XdsStream;
    try {
      upstream = this.#relay.options.connect();
    } catch (error) {
      return this.close({ code: StatusCode.unavailable, message: String(error) });
    }
    this.#upstream = upstream;
    upstream.begin({
      onMessage: (bytes) => this.#onResponse(bytes),
      onDrain: () => undefined,
      onEnd: (status) => this.#onUpstreamEnd(upstream, status),
    });
    for (const bytes of this.#early) upstream.send(bytes);
  }

  #serveKept(): void {
    const kept = new KeptStream(this.#stream, (status) => this.close(status ?? away));
    this.#kept = kept;
    this.#relay.serveKept(kept, this.#peer);
    for (const bytes of this.#early) kept.sink?.onMessage(bytes);
    this.#early = [];
  }

  #onRequest(bytes: Uint8Array): void {
    if (this.#kept !== null) return this.#kept.sink?.onMessage(bytes);
    if (!this.isAnswered) this.#early.push(bytes);
    const request = tryDecode(DeltaDiscoveryRequest, bytes);
    if (request !== null) this.#note(request);
    this.#upstream?.send(bytes);
  }

  #note(request: DeltaDiscoveryRequest): void {
    const { errorDetail, initialResourceVersions, responseNonce, typeUrl } = request;
    if (!this.#brought.has(typeUrl)) this.#brought.set(typeUrl, initialResourceVersions);
    const gone = request.resourceNamesUnsubscribe;
    if (gone.length > 0) this.#relay.forget(typeUrl, gone);
    const response = this.#sent.get(responseNonce);
    if (response === undefined) return;
    this.#sent.delete(responseNonce);
    if (errorDetail !== undefined) {
      return this.#relay.options.onNack(typeUrl, errorDetail.message);
    }
    const brought = this.#brought.get(typeUrl) ?? null;
    this.#brought.set(typeUrl, null);
    this.#relay.keep(response, brought);
  }

  #onResponse(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.isAnswered = true;
    this.#early = [];
    const response = tryDecode(DeltaDiscoveryResponse, bytes);
    if (response !== null) this.#sent.set(response.nonce, response);
    // The control plane waits for each answer before it sends more of a type, so little queues.
    this.#stream.send(bytes);
  }

  #onUpstreamEnd(upstream: XdsStream, status: Status | null): void {
    if (this.#isOver || this.#upstream !== upstream) return;
    this.#upstream = null;
    const { isLinked } = this.#relay;
    // Who has been answered asks again, and says then what it runs.
    if (isLinked || this.isAnswered) return this.close(status ?? away);
    this.linkChanged();
  }

  #onEnd(): void {
    if (!this.#isOver) this.#finish();
  }

  #finish(): void {
    this.#isOver = true;
    this.#relay.ended(this);
    this.#upstream?.close();
    this.#kept?.sink?.onEnd(null);
  }
}

/** The proxy's stream as the server of what is kept sees it. */
class KeptStream implements XdsStream {
  sink: MessageSink<Uint8Array> | null = null;
  readonly #stream: XdsStream;
  readonly #onClose: (status: Status | undefined) => void;

  constructor(stream: XdsStream, onClose: (status: Status | undefined) => void) {
    this.#stream = stream;
    this.#onClose = onClose;
  }

  get queuedBytes(): number {
    return this.#stream.queuedBytes;
  }

  begin(sink: MessageSink<Uint8Array>): void {
    this.sink = sink;
  }

  send(message: Uint8Array): boolean {
    return this.#stream.send(message);
  }

  close(status?: Status): void {
    this.#onClose(status);
  }
}

function snapshotOf(version: string, held: HeldResources): Snapshot {
  const resources = Array.from(held, ([typeUrl, kept]) => {
    const encoded = Array.from(kept.values(), (one) => {
      const { name, version: own, resource } = one;
      return [name, { name, version: own, any: encodeAny(typeUrl, resource) }] as const;
    });
    return [typeUrl, new Map(encoded)] as const;
  });
  return { version, resources: new Map(resources) };
}

function versionOf(held: HeldResources): string {
  const lines: string[] = [];
  for (const [typeUrl, kept] of held) {
    for (const { name, version } of kept.values()) lines.push(`${typeUrl}\n${name}\n${version}`);
  }
  if (lines.length === 0) return "";
  const text = lines.sort().join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, versionLength);
}
