// What the rule tests share: a server over a simulated stream, snapshots written in short hand,
// and raw clients that send exactly the requests a test spells out.

import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { type Runtime, seededRandom, silentLogger, SimClock } from "@weft/runtime";
import {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from "../messages/envoy/service/discovery/v3/discovery.js";
import { encodeResource, resourceMap } from "./encode-resource.ts";
import { typeUrls } from "./resource-types.ts";
import { createXdsServer, type XdsServer } from "./server.ts";
import type { XdsServerLimits } from "./server-stream.ts";
import { type SimStreamEnd, simStreamPair } from "./sim/stream.ts";
import type {
  EncodedResource,
  ResourceMap,
  Snapshot,
  SnapshotSource,
  XdsClientInfo,
  XdsPeer,
} from "./snapshot.ts";
import type { Status } from "./status.ts";

export const peer: XdsPeer = {
  spiffeId: "spiffe://weft.local/ns/shop/sa/web",
  token: null,
  address: "127.0.0.1:1",
};

export type TypeName = keyof typeof typeUrls;

/** Names and contents by type; the content "-" stands for an empty message. */
export type Wanted = Partial<Record<TypeName, Readonly<Record<string, string>>>>;

const made = new Map<string, EncodedResource>();

/**
 * Equal arguments give the same object, as a publisher would. A cluster's content may name its
 * EDS.
 */
export function resource(type: TypeName, name: string, content: string): EncodedResource {
  const key = `${type}\0${name}\0${content}`;
  let found = made.get(key);
  if (found === undefined) {
    const writer = new BinaryWriter().uint32(10).string(name);
    if (type === "cluster") {
      const eds = /eds=(\S+)/.exec(content)?.[1] ?? "";
      if (!content.includes("static")) writer.uint32(16).int32(3);
      const config = new BinaryWriter().uint32(18).string(eds).finish();
      if (eds !== "") writer.uint32(26).bytes(config);
    }
    // A field number no message of ours uses carries the content.
    const message = writer
      .uint32((900 << 3) + 2)
      .string(content)
      .finish();
    found = encodeResource(typeUrls[type], name, message);
    made.set(key, found);
  }
  return found;
}

const maps = new Map<string, ResourceMap>();

export function snapshot(version: string, wanted: Wanted): Snapshot {
  const resources = new Map<string, ResourceMap>();
  for (const type of Object.keys(wanted) as TypeName[]) {
    const key = `${type}${JSON.stringify(wanted[type])}`;
    let map = maps.get(key);
    if (map === undefined) {
      const entries = Object.entries(wanted[type] ?? {});
      map = resourceMap(entries.map(([name, content]) => resource(type, name, content)));
      maps.set(key, map);
    }
    resources.set(typeUrls[type], map);
  }
  return { version, resources };
}

export class Rig {
  readonly clock: SimClock = new SimClock();
  readonly runtime: Runtime;
  readonly server: XdsServer;
  readonly events: string[] = [];
  readonly #listeners = new Map<XdsClientInfo, (snapshot: Snapshot) => void>();
  #snapshot: Snapshot | null = null;
  refusal: Status | null = null;
  /** A snapshot per client instead of one for all. */
  choose: ((client: XdsClientInfo) => Snapshot) | null = null;

  constructor(limits: Partial<XdsServerLimits> = {}, seed = 1) {
    this.runtime = {
      clock: this.clock,
      timers: this.clock,
      random: seededRandom(seed),
      log: silentLogger,
    };
    const source: SnapshotSource = {
      subscribe: (client, onSnapshot) => {
        if (this.refusal !== null) return { refused: this.refusal };
        this.#listeners.set(client, onSnapshot);
        const snapshot = this.choose?.(client) ?? this.#snapshot;
        if (snapshot !== null) onSnapshot(snapshot);
        return { close: () => this.#listeners.delete(client) };
      },
    };
    const short = (typeUrl: string): string => typeUrl.slice(typeUrl.lastIndexOf(".") + 1);
    this.server = createXdsServer({
      runtime: this.runtime,
      source,
      limits,
      events: {
        onAck: (_, typeUrl, version) => this.events.push(`ack ${short(typeUrl)} ${version}`),
        onNack: (_, typeUrl, version, message, names) =>
          this.events.push(`nack ${short(typeUrl)} ${version} ${message} [${names.join(" ")}]`),
        onApplied: (_, version) => this.events.push(`applied ${version}`),
        onClose: () => this.events.push("close"),
      },
    });
  }

  publish(version: string, wanted: Wanted): void {
    this.#snapshot = snapshot(version, wanted);
    for (const listener of this.#listeners.values()) listener(this.#snapshot);
    this.run();
  }

  /** Lets everything that is on its way arrive. */
  run(ms = 10): void {
    this.clock.advance(ms);
  }

  delta(highWaterBytes?: number): DeltaRaw {
    const pair = simStreamPair({ timers: this.clock, ...(highWaterBytes && { highWaterBytes }) });
    this.server.delta(pair.server, peer);
    return new DeltaRaw(this, pair.client);
  }

  sotw(highWaterBytes?: number): SotwRaw {
    const pair = simStreamPair({ timers: this.clock, ...(highWaterBytes && { highWaterBytes }) });
    this.server.sotw(pair.server, peer);
    return new SotwRaw(this, pair.client);
  }
}

/** A response as tests compare it: type, resource names with contents, removed names. */
export interface Seen {
  readonly type: TypeName;
  readonly resources: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
  readonly nonce: string;
  readonly version: string;
}

abstract class Raw<Request> {
  protected readonly rig: Rig;
  readonly stream: SimStreamEnd<Uint8Array, Uint8Array>;
  readonly #seen: Seen[] = [];
  /** Undefined while open. */
  ended: Status | null | undefined;
  #isFirst = true;
  readonly node: { id: string; cluster: string } = { id: "shop/web-aaaaa", cluster: "web" };

  constructor(rig: Rig, stream: SimStreamEnd<Uint8Array, Uint8Array>) {
    this.rig = rig;
    this.stream = stream;
    stream.begin({
      onMessage: (bytes) => this.#seen.push(this.read(bytes)),
      onDrain: () => undefined,
      onEnd: (status) => {
        this.ended = status;
      },
    });
  }

  protected abstract read(bytes: Uint8Array): Seen;
  protected abstract write(request: Request, node: { id: string } | undefined): Uint8Array;

  /** Sends one request and returns what had come back 10 ms later. */
  ask(request: Request): Seen[] {
    this.post(request);
    this.rig.run();
    return this.take();
  }

  post(request: Request): void {
    this.stream.send(this.write(request, this.#isFirst ? this.node : undefined));
    this.#isFirst = false;
  }

  take(): Seen[] {
    return this.#seen.splice(0);
  }
}

export interface DeltaAsk {
  readonly type?: TypeName;
  readonly add?: readonly string[];
  readonly drop?: readonly string[];
  readonly held?: Readonly<Record<string, string>>;
  readonly nonce?: string;
  readonly error?: string;
}

export class DeltaRaw extends Raw<DeltaAsk> {
  ack(seen: Seen | undefined): Seen[] {
    if (seen === undefined) throw new Error("there is no response to acknowledge");
    return this.ask({ type: seen.type, nonce: seen.nonce });
  }

  nack(seen: Seen | undefined, error: string): Seen[] {
    if (seen === undefined) throw new Error("there is no response to refuse");
    return this.ask({ type: seen.type, nonce: seen.nonce, error });
  }

  protected write(ask: DeltaAsk, node: { id: string } | undefined): Uint8Array {
    return DeltaDiscoveryRequest.encode(
      DeltaDiscoveryRequest.fromPartial({
        ...(node && { node }),
        typeUrl: ask.type === undefined ? "" : typeUrls[ask.type],
        resourceNamesSubscribe: [...(ask.add ?? [])],
        resourceNamesUnsubscribe: [...(ask.drop ?? [])],
        initialResourceVersions: { ...ask.held },
        responseNonce: ask.nonce ?? "",
        ...(ask.error !== undefined && { errorDetail: { code: 3, message: ask.error } }),
      }),
    ).finish();
  }

  protected read(bytes: Uint8Array): Seen {
    const response = DeltaDiscoveryResponse.decode(bytes);
    return {
      type: typeNameOf(response.typeUrl),
      resources: contentsOf(response.resources.map((r) => r.resource?.value)),
      removed: response.removedResources,
      nonce: response.nonce,
      version: response.systemVersionInfo,
    };
  }
}

export interface SotwAsk {
  readonly type: TypeName;
  readonly names: readonly string[];
  readonly version?: string;
  readonly nonce?: string;
  readonly error?: string;
}

export class SotwRaw extends Raw<SotwAsk> {
  ack(seen: Seen | undefined, names: readonly string[]): Seen[] {
    if (seen === undefined) throw new Error("there is no response to acknowledge");
    return this.ask({ type: seen.type, names, version: seen.version, nonce: seen.nonce });
  }

  protected write(ask: SotwAsk, node: { id: string } | undefined): Uint8Array {
    return DiscoveryRequest.encode(
      DiscoveryRequest.fromPartial({
        ...(node && { node }),
        typeUrl: typeUrls[ask.type],
        resourceNames: [...ask.names],
        versionInfo: ask.version ?? "",
        responseNonce: ask.nonce ?? "",
        ...(ask.error !== undefined && { errorDetail: { code: 3, message: ask.error } }),
      }),
    ).finish();
  }

  protected read(bytes: Uint8Array): Seen {
    const response = DiscoveryResponse.decode(bytes);
    return {
      type: typeNameOf(response.typeUrl),
      resources: contentsOf(response.resources.map((any) => any.value)),
      removed: [],
      nonce: response.nonce,
      version: response.versionInfo,
    };
  }
}

export function typeNameOf(typeUrl: string): TypeName {
  for (const name of Object.keys(typeUrls) as TypeName[]) {
    if (typeUrls[name] === typeUrl) return name;
  }
  throw new Error(`unexpected type ${typeUrl}`);
}

/** Names and contents; throws when a name occurs twice (X09). */
export function contentsOf(messages: readonly (Uint8Array | undefined)[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const bytes of messages) {
    const text = Buffer.from(bytes ?? []).toString("latin1");
    const nameLength = text.charCodeAt(1);
    const name = text.slice(2, 2 + nameLength);
    if (name in found) throw new Error(`${name} occurs twice in one response`);
    const at = text.indexOf("\xa2\x38");
    found[name] = at < 0 ? "-" : text.slice(at + 3);
  }
  return found;
}

/** The response of that type, or undefined. */
export function only(seen: readonly Seen[], type: TypeName): Seen | undefined {
  return seen.find((response) => response.type === type);
}

export function typesOf(seen: readonly Seen[]): TypeName[] {
  return seen.map((response) => response.type);
}
