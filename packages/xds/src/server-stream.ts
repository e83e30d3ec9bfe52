// One ADS stream at the server: reads requests, keeps a substream per type, and sends what is due
// in the order that never lets a route point at a cluster the client has not got (make before
// break).

import { jitter, type Runtime } from "@weft/runtime";
import type { Node } from "../messages/envoy/config/core/v3/base.js";
import {
  DeltaDiscoveryRequest,
  DiscoveryRequest,
} from "../messages/envoy/service/discovery/v3/discovery.js";
import { judgeReply, type Reply, type Sent, standingRefusal } from "./acknowledge.ts";
import { edsNameOf } from "./eds-name.ts";
import { encodeDeltaResponse, encodeSotwResponse } from "./encode-response.ts";
import { emptyMap } from "./map-diff.ts";
import { resourceTypeOf, resourceTypes, typeUrls } from "./resource-types.ts";
import type {
  Snapshot,
  SnapshotSource,
  SnapshotSubscription,
  XdsClientInfo,
  XdsPeer,
  XdsServerEvents,
} from "./snapshot.ts";
import { type Status, StatusCode } from "./status.ts";
import type { XdsStream } from "./stream.ts";
import { tryDecode } from "./try-decode.ts";
import { subscribeDelta, subscribeSotw } from "./subscription.ts";
import {
  changeSubscription,
  coldNames,
  force,
  isApplied,
  isQuiet,
  noteAck,
  noteNack,
  noteSent,
  openSubstream,
  planResponse,
  resumeList,
  setTarget,
  type Substream,
  takeInitialVersions,
} from "./substream.ts";

export interface XdsServerLimits {
  /** A client that has not answered for so long is reported as slow. */
  readonly ackTimeoutMs: number;
  /** How long listeners and routes wait for a new cluster's endpoints to be asked for and taken. */
  readonly warmTimeoutMs: number;
  /**
   * How long a new stream may take to subscribe to listeners and routes before removals go ahead.
   */
  readonly settleInMs: number;
  /** A client that reads nothing for so long while bytes wait loses its stream. */
  readonly stallTimeoutMs: number;
  /** A stream ends after this age, give or take a fifth; the client comes back. */
  readonly ageMaxMs: number;
  readonly typesMax: number;
  readonly namesMax: number;
}

/** What all streams of a server share. */
export interface ServerStreamContext {
  readonly runtime: Runtime;
  readonly source: SnapshotSource;
  readonly events: XdsServerEvents;
  readonly limits: XdsServerLimits;
  readonly count: { responses: number; bytes: number; nacks: number };
  nextId(): number;
}

/** One type of one stream, for `weft proxy` and metrics. */
export interface SubstreamReport {
  readonly typeUrl: string;
  readonly wildcard: boolean;
  readonly names: number;
  readonly ackedVersion: string;
  /** Milliseconds since the unanswered response was sent; null when all are answered. */
  readonly waitingMs: number | null;
  readonly isSlow: boolean;
  readonly refusal: string | null;
}

export interface ServerStreamReport {
  readonly client: XdsClientInfo | null;
  readonly snapshotVersion: string | null;
  readonly queuedBytes: number;
  readonly types: readonly SubstreamReport[];
}

export class ServerStream {
  readonly #context: ServerStreamContext;
  readonly #stream: XdsStream;
  readonly #peer: XdsPeer;
  readonly #isDelta: boolean;
  readonly #onClosed: (stream: ServerStream) => void;
  readonly #beganMs: number;
  readonly #endsMs: number;
  readonly #subs = new Map<string, Substream>();
  /** In the order of sending. */
  #ordered: Substream[] = [];
  /** Endpoints that routes wait for, each for a bounded time. */
  readonly #warming = new Map<string, { byMs: number }>();
  #client: XdsClientInfo | null = null;
  #subscription: SnapshotSubscription | null = null;
  #snapshot: Snapshot | null = null;
  #reportedVersion: string | null = null;
  readonly #nackedVersions = new Map<string, string>();
  readonly #slow = new Set<string>();
  #nonce = 0;
  #blockedMs: number | null = null;
  #isScheduled = false;
  #isClosed = false;

  constructor(
    context: ServerStreamContext,
    stream: XdsStream,
    peer: XdsPeer,
    isDelta: boolean,
    onClosed: (stream: ServerStream) => void,
  ) {
    this.#context = context;
    this.#stream = stream;
    this.#peer = peer;
    this.#isDelta = isDelta;
    this.#onClosed = onClosed;
    this.#beganMs = context.runtime.clock.monotonicMs();
    this.#endsMs = this.#beganMs + jitter(context.runtime.random, context.limits.ageMaxMs, 0.2);
  }

  begin(): void {
    this.#stream.begin({
      onMessage: (message) => this.#onMessage(message),
      onDrain: () => {
        this.#blockedMs = null;
        this.#flush();
      },
      onEnd: () => this.#finish(),
    });
  }

  /** Ends the stream; OK without a status. */
  close(status?: Status): void {
    if (this.#isClosed) return;
    this.#stream.close(status);
    this.#finish();
  }

  /** Called about twice a second. */
  tick(): void {
    const { clock, log } = this.#context.runtime;
    const { limits } = this.#context;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#endsMs) return this.close();
    if (this.#blockedMs !== null && nowMs - this.#blockedMs > limits.stallTimeoutMs) {
      const message = `the client read nothing for ${limits.stallTimeoutMs} ms`;
      return this.close({ code: StatusCode.resourceExhausted, message });
    }
    for (const { type, ledger } of this.#ordered) {
      const sentMs = ledger.outstanding?.atMs ?? nowMs;
      if (nowMs - sentMs <= limits.ackTimeoutMs || this.#slow.has(type.typeUrl)) continue;
      this.#slow.add(type.typeUrl);
      log.warn("xDS client does not answer", { client: this.#client?.id, type: type.short });
    }
    for (const [name, { byMs }] of this.#warming) if (nowMs >= byMs) this.#warming.delete(name);
    if (!this.#ordered.every(isQuiet)) this.#flush();
  }

  report(): ServerStreamReport {
    const nowMs = this.#context.runtime.clock.monotonicMs();
    return {
      client: this.#client,
      snapshotVersion: this.#snapshot?.version ?? null,
      queuedBytes: this.#stream.queuedBytes,
      types: this.#ordered.map(({ type, ledger, subscription }) => ({
        typeUrl: type.typeUrl,
        wildcard: subscription.wildcard,
        names: subscription.names.size,
        ackedVersion: ledger.ackedVersion,
        waitingMs: ledger.outstanding === null ? null : nowMs - ledger.outstanding.atMs,
        isSlow: this.#slow.has(type.typeUrl),
        refusal: standingRefusal(ledger)?.message ?? null,
      })),
    };
  }

  #onMessage(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#isDelta) {
      const request = tryDecode(DeltaDiscoveryRequest, bytes);
      if (request === null) this.#refuse(StatusCode.invalidArgument, "not a discovery request");
      else this.#onDelta(request);
    } else {
      const request = tryDecode(DiscoveryRequest, bytes);
      if (request === null) this.#refuse(StatusCode.invalidArgument, "not a discovery request");
      else this.#onSotw(request);
    }
    this.#flush();
  }

  #onDelta(request: DeltaDiscoveryRequest): void {
    const sub = this.#open(request.typeUrl, request.node, request.resourceNamesSubscribe.length);
    if (sub === null) return;
    // A stale nonce says nothing about responses, but its changes of subscription count (X02).
    this.#hear(sub, request.responseNonce, request.errorDetail?.message ?? null);
    const isFirst = !sub.subscription.begun;
    const versions = request.initialResourceVersions;
    const isResumed = isFirst && Object.keys(versions).length > 0;
    if (isResumed) takeInitialVersions(sub, versions);
    const change = subscribeDelta(
      sub.subscription,
      sub.type.hasWildcard,
      request.resourceNamesSubscribe,
      request.resourceNamesUnsubscribe,
    );
    changeSubscription(sub, change, isResumed);
    this.#noteCold(sub);
  }

  #onSotw(request: DiscoveryRequest): void {
    const sub = this.#open(request.typeUrl, request.node, request.resourceNames.length);
    if (sub === null) return;
    const error = request.errorDetail?.message ?? null;
    if (this.#hear(sub, request.responseNonce, error) === "stale") return;
    const isFirst = !sub.subscription.begun;
    const change = subscribeSotw(sub.subscription, sub.type.hasWildcard, request.resourceNames);
    changeSubscription(sub, change, false);
    this.#noteCold(sub);
    if (!isFirst) return;
    sub.broughtVersion = request.versionInfo;
    if (this.#snapshot !== null) resumeList(sub);
  }

  /** The substream a request speaks of; null when the request was refused. */
  #open(typeUrl: string, node: Node | undefined, nameCount: number): Substream | null {
    const { limits } = this.#context;
    if (typeUrl === "") {
      return this.#refuse(StatusCode.invalidArgument, "an ADS request needs a type_url");
    }
    if (this.#client === null && !this.#identify(node)) return null;
    let sub = this.#subs.get(typeUrl);
    if (sub === undefined) {
      if (this.#subs.size >= limits.typesMax) {
        return this.#refuse(StatusCode.resourceExhausted, `more than ${limits.typesMax} types`);
      }
      sub = openSubstream(resourceTypeOf(typeUrl), this.#isDelta);
      sub.target = this.#snapshot?.resources.get(typeUrl) ?? emptyMap;
      this.#subs.set(typeUrl, sub);
      this.#ordered = [...this.#subs.values()].sort((a, b) => rank(a) - rank(b));
    }
    if (nameCount + (this.#isDelta ? sub.subscription.names.size : 0) > limits.namesMax) {
      const message = `more than ${limits.namesMax} names of one type`;
      return this.#refuse(StatusCode.resourceExhausted, message);
    }
    return sub;
  }

  /** Only the first request is sure to carry the node (X04). */
  #identify(node: Node | undefined): boolean {
    if (node === undefined || node.id === "") {
      this.#refuse(StatusCode.invalidArgument, "the first request of a stream needs node.id");
      return false;
    }
    const { source, nextId } = this.#context;
    this.#client = {
      id: `${node.id}#${nextId()}`,
      node,
      peer: this.#peer,
      transport: this.#isDelta ? "delta" : "sotw",
    };
    const answer = source.subscribe(this.#client, (snapshot) => this.#onSnapshot(snapshot));
    if ("refused" in answer) {
      this.#client = null;
      this.#refuse(answer.refused.code, answer.refused.message);
      return false;
    }
    this.#subscription = answer;
    return true;
  }

  #onSnapshot(snapshot: Snapshot): void {
    if (this.#isClosed) return;
    const isFirst = this.#snapshot === null;
    this.#snapshot = snapshot;
    for (const sub of this.#ordered) {
      setTarget(sub, snapshot.resources.get(sub.type.typeUrl) ?? emptyMap);
      this.#noteCold(sub);
      if (isFirst) resumeList(sub);
    }
    // Snapshots of one turn are taken together; the last one counts.
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#context.runtime.timers.after(0, () => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** Takes what a request says about responses. */
  #hear(sub: Substream, nonce: string, error: string | null): Reply {
    const reply = judgeReply(sub.ledger, nonce, error !== null);
    if (reply !== "ack" && reply !== "nack") return reply;
    this.#slow.delete(sub.type.typeUrl);
    const sent = reply === "ack" ? noteAck(sub) : noteNack(sub, error ?? "");
    if (sent === null || this.#client === null) return reply;
    this.#noteWarmth(sub, sent, reply);
    const { events, count, runtime } = this.#context;
    const { typeUrl, short } = sub.type;
    if (reply === "nack") {
      count.nacks++;
      const names = [...sent.updates.map((r) => r.name), ...sent.removed];
      const fields = { client: this.#client.id, type: short, resources: names.length };
      runtime.log.warn(`xDS client refused: ${error}`, fields);
      this.#nackedVersions.set(typeUrl, sent.snapshotVersion);
      events.onNack(this.#client, typeUrl, sent.snapshotVersion, error ?? "", names);
    } else if (sub.ledger.suspects.length === 0 && standingRefusal(sub.ledger) === null) {
      events.onAck(this.#client, typeUrl, sent.snapshotVersion);
    }
    return reply;
  }

  /** The client has the clusters now: it asks for their endpoints next. */
  #noteWarmth(sub: Substream, sent: Sent, reply: Reply): void {
    if (sub.type.typeUrl !== typeUrls.cluster) return;
    for (const cluster of sent.updates) {
      const name = edsNameOf(cluster) ?? "";
      if (reply === "nack") this.#warming.delete(name);
      else if (this.#warming.has(name)) this.#await(name);
    }
  }

  /**
   * Endpoints that exist now and that the client has never had: their cluster may be in use next.
   */
  #noteCold(sub: Substream): void {
    if (sub.type.typeUrl !== typeUrls.endpoint) return;
    for (const name of coldNames(sub)) if (!this.#warming.has(name)) this.#await(name);
  }

  #await(edsName: string): void {
    const { runtime, limits } = this.#context;
    this.#warming.set(edsName, { byMs: runtime.clock.monotonicMs() + limits.warmTimeoutMs });
  }

  /** Endpoints that were asked for, answered and acknowledged are warm. */
  #pruneWarming(): void {
    const sub = this.#subs.get(typeUrls.endpoint);
    if (sub === undefined || this.#warming.size === 0) return;
    const sent = sub.ledger.outstanding;
    const unanswered = new Set(sent?.removed);
    for (const { name } of sent?.updates ?? []) unanswered.add(name);
    for (const name of this.#warming.keys()) {
      const isAsked = sub.subscription.names.has(name);
      if (isAsked && !sub.dirty.has(name) && !unanswered.has(name)) this.#warming.delete(name);
    }
  }

  #flush(): void {
    if (this.#isClosed || this.#snapshot === null) return;
    for (const sub of this.#ordered) {
      if (sub.type.waitsFor.length > 0) this.#pruneWarming();
      if (this.#mayUpdate(sub)) this.#push(sub, sub.type.removedAfter.length === 0);
    }
    for (const sub of this.#ordered) {
      if (sub.dirty.size > 0 && this.#mayUpdate(sub) && this.#mayRemove(sub)) {
        this.#push(sub, true);
      }
    }
    this.#reportSettled();
  }

  /** A route is never warmed: what it points at must be there, with endpoints, first (X17). */
  #mayUpdate(sub: Substream): boolean {
    const { waitsFor } = sub.type;
    if (waitsFor.includes(typeUrls.endpoint) && this.#warming.size > 0) return false;
    return !waitsFor.includes(typeUrls.cluster) || this.#isAnswered(typeUrls.cluster);
  }

  /**
   * What is to go must not be pointed at any more, by anything the client has acknowledged (X17).
   */
  #mayRemove(sub: Substream): boolean {
    const ageMs = this.#context.runtime.clock.monotonicMs() - this.#beganMs;
    for (const typeUrl of sub.type.removedAfter) {
      const other = this.#subs.get(typeUrl);
      if (other === undefined ? ageMs < this.#context.limits.settleInMs : !isApplied(other)) {
        return false;
      }
    }
    return true;
  }

  #isAnswered(typeUrl: string): boolean {
    const ledger = this.#subs.get(typeUrl)?.ledger;
    return ledger === undefined || (ledger.outstanding === null && ledger.suspects.length === 0);
  }

  #push(sub: Substream, mayRemove: boolean): void {
    const { runtime, count } = this.#context;
    if (this.#blockedMs !== null || this.#isClosed || this.#snapshot === null) return;
    const plan = planResponse(sub, mayRemove);
    if (plan === null) return;
    const { updates, removed, versionInfo } = plan;
    const { typeUrl } = sub.type;
    const nonce = String(++this.#nonce);
    const snapshotVersion = this.#snapshot.version;
    const atMs = runtime.clock.monotonicMs();
    noteSent(sub, plan, { nonce, snapshotVersion, versionInfo, updates, removed, atMs });
    if (typeUrl === typeUrls.cluster) {
      for (const cluster of plan.changed) this.#warm(edsNameOf(cluster));
    }
    const bytes = this.#isDelta
      ? encodeDeltaResponse({ typeUrl, version: snapshotVersion, nonce, updates, removed })
      : encodeSotwResponse({ typeUrl, version: versionInfo, nonce, updates, removed });
    count.responses++;
    count.bytes += bytes.length;
    if (!this.#stream.send(bytes)) this.#blockedMs = atMs;
  }

  /** Envoy waits for endpoints after every update of a cluster, so they are sent again (X18). */
  #warm(edsName: string | null): void {
    if (edsName === null) return;
    this.#await(edsName);
    const endpoints = this.#subs.get(typeUrls.endpoint);
    if (endpoints !== undefined) force(endpoints, edsName);
  }

  /** Says once per snapshot that all of it is in force, or which refusals stand against it. */
  #reportSettled(): void {
    const version = this.#snapshot?.version ?? null;
    if (version === null || version === this.#reportedVersion || this.#client === null) return;
    if (this.#warming.size > 0 || this.#isScheduled || !this.#ordered.every(isQuiet)) return;
    if (this.#subs.get(typeUrls.listener)?.subscription.begun !== true) return;
    this.#reportedVersion = version;
    let isClean = true;
    for (const { type, ledger } of this.#ordered) {
      const refusal = standingRefusal(ledger);
      if (refusal === null) continue;
      isClean = false;
      if (this.#nackedVersions.get(type.typeUrl) === version) continue;
      this.#nackedVersions.set(type.typeUrl, version);
      const { events } = this.#context;
      events.onNack(this.#client, type.typeUrl, version, refusal.message, refusal.names);
    }
    if (isClean) this.#context.events.onApplied(this.#client, version);
  }

  #refuse(code: number, message: string): null {
    const fields = { peer: this.#peer.address, spiffeId: this.#peer.spiffeId };
    this.#context.runtime.log.warn(`xDS stream refused: ${message}`, fields);
    this.close({ code, message });
    return null;
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#subscription?.close();
    if (this.#client !== null) this.#context.events.onClose(this.#client);
    this.#onClosed(this);
  }
}

function rank(sub: Substream): number {
  const at = resourceTypes.findIndex((type) => type.typeUrl === sub.type.typeUrl);
  return at < 0 ? resourceTypes.length : at;
}
