// One request and its response through the proxy. The exchange is plain data that `pipeline.ts`
// moves along; the interfaces here are the two seams it sits between: a downstream (an HTTP/1
// connection, later an HTTP/2 stream) and an upstream connection. Both are synchronous: bytes are
// lent for the call, `false` means stop until the other side says it can take more.

import { type ByteSocket, type WheelOwner, WheelTimer } from "@weft/runtime";
import type {
  ChainRow,
  HttpRow,
  ListenerRow,
  RouteRow,
  Tables,
  VirtualHostRow,
  WeightedClusterRow,
} from "@weft/rules";
import type { GrpcStatus, HeaderList, RequestHead, ResponseHead, WebTextDecoder } from "@weft/wire";
import { Flag } from "../telemetry/response-flags.ts";
import type { StatsCell } from "../telemetry/stats.ts";
import type { Thread } from "../thread.ts";
import type { Cluster } from "../upstream/cluster.ts";
import type { Attempt } from "./attempt.ts";
import type { RequestBody } from "./body.ts";
import type { Mirror } from "./mirror.ts";

/** Where the response goes. */
export interface Downstream {
  /** An interim or the final head; it is changed to fit the connection. */
  respond(x: Exchange, head: ResponseHead): void;
  /** False: stop until `downstreamWritable`. */
  respondContent(bytes: Buffer): boolean;
  respondEnd(trailers: HeaderList): void;
  /** The response cannot be finished: the peer must not take it for whole. */
  abort(): void;
  /** Stops and resumes the request's content. */
  pauseContent(): void;
  resumeContent(): void;
  /** The exchange is over; the connection may go on with the next request. */
  finished(x: Exchange): void;
  /** The request switched protocols: gives its socket away, with what came after the head. */
  detach(): DetachedSocket;
  /** Answers a CONNECT whose socket was given away: the tunnel stands, or why there is none. */
  answerDetached(head: ResponseHead): void;
  /** For the log. */
  readonly protocol: "HTTP/1.1" | "HTTP/2";
}

export interface DetachedSocket {
  readonly socket: ByteSocket;
  readonly early: Buffer;
}

/** Who asked for an upstream connection and what happens to it. */
export interface UpstreamUser {
  onConnection(connection: UpstreamConnection): void;
  /** There will be none; `flag` says why. */
  onNoConnection(flag: Flag): void;
  onResponse(head: ResponseHead): void;
  onContent(bytes: Buffer): void;
  onComplete(trailers: HeaderList): void;
  /** The connection ended or its bytes are no response. */
  onBroken(flag: Flag): void;
  onWritable(): void;
  /** 101: the socket is a tunnel now; `early` are its first bytes, lent. */
  onSwitched(socket: ByteSocket, early: Buffer): void;
}

export interface UpstreamConnection {
  /** It served another request before: its peer may have closed it meanwhile (http-cases H32). */
  readonly isReused: boolean;
  /** A byte of the awaited response has arrived. */
  readonly hasBegun: boolean;
  send(request: RequestHead): void;
  /** False: stop until `onWritable`. */
  sendContent(bytes: Buffer): boolean;
  sendEnd(trailers: HeaderList): void;
  pauseContent(): void;
  resumeContent(): void;
  /** Its user needs it no more before the response is complete: it is closed. */
  abort(): void;
}

const phases = {
  /** In the pipeline; nothing went upstream yet. */
  Routing: 0,
  /** An attempt waits for a connection or a response. */
  Trying: 1,
  /** The final head went downstream. */
  Responding: 2,
  Done: 3,
} as const;
export const Phase: typeof phases = Object.freeze(phases);
export type Phase = (typeof Phase)[keyof typeof Phase];

/** What a downstream connection knows and every exchange on it needs. */
export interface DownstreamPeer {
  readonly remoteAddress: string;
  readonly isTls: boolean;
  /** SPIFFE ID the peer proved, or "". */
  readonly identity: string;
  /** Value of x-forwarded-client-cert for it, "" without identity. */
  readonly clientCertificate: string;
  /** The last label set counted for it, most often the next one too. */
  lastCell: StatsCell | null;
}

/** What stays the same for every request of one downstream connection. */
export interface Entry {
  readonly thread: Thread;
  readonly peer: DownstreamPeer;
  /** The name its listener row is found by. */
  readonly listenerName: string;
  /** `--upstream` listeners and CONNECT tunnels: one virtual host, whatever the authority says. */
  readonly fixedHost: FixedHost | null;
  /** `address:port` that a captured connection was going to; null: it came to us by itself. */
  readonly destination: string | null;
  /** Nobody declared the port's protocol, and its client speaks HTTP/2: so does the program. */
  readonly isHttp2: boolean;
}

/** Finds the virtual host of such a connection in the tables of the moment. */
export interface FixedHost {
  find(tables: Tables): VirtualHostRow | null;
}

const noFields: HeaderList = [];

/** Timers of an exchange, and who is told. */
export const exchangeTimer = { Request: 0, Retry: 1 } as const;
export type TimeoutHandler = (x: Exchange, kind: number) => void;

export class Exchange implements WheelOwner {
  readonly thread: Thread;
  readonly entry: Entry;
  downstream: Downstream;
  readonly request: RequestHead;
  /** The tables it began with; a change never lands in the middle of it. */
  readonly tables: Tables;
  readonly configVersion: string;
  readonly startedAtMs: number;
  phase: Phase = Phase.Routing;
  flag: Flag = Flag.None;
  /** Status sent downstream, 0 before. */
  status = 0;

  listener: ListenerRow | null = null;
  chain: ChainRow | null = null;
  http: HttpRow | null = null;
  virtualHost: VirtualHostRow | null = null;
  route: RouteRow | null = null;
  weighted: WeightedClusterRow | null = null;
  cluster: Cluster | null = null;

  /** As the downstream asked: `request` is rewritten on its way up. */
  readonly path: string;
  readonly authority: string;
  requestId = "";

  body: RequestBody | null = null;
  /** All of the request has arrived. */
  requestEnded = false;
  requestTrailers: HeaderList = noFields;
  requestBytes = 0;
  responseBytes = 0;
  /** A gRPC request: its outcome is `grpcStatus`, -1 as long as none is known. */
  isGrpc = false;
  grpcStatus: GrpcStatus | -1 = -1;
  /** When the time that its caller gave it is over; 0: its caller said nothing. */
  deadlineAtMs = 0;
  /** Of a gRPC-Web request whose content is text. */
  webText: WebTextDecoder | null = null;
  /** Tries that are over, for the decision record and to avoid their endpoints. */
  pastAttempts: Attempt[] | null = null;
  attempt: Attempt | null = null;
  retryCount = 0;
  /** A retry is counted in the cluster and its attempt has not begun. */
  owesRetry = false;
  /** One automatic replay of a reused connection's race is allowed (http-cases H32). */
  hasReplayed = false;
  mirrors: readonly Mirror[] | null = null;
  wantsExplanation = false;
  #requestTimer: WheelTimer | null = null;
  #retryTimer: WheelTimer | null = null;
  readonly #onTimeout: TimeoutHandler;

  constructor(
    entry: Entry,
    downstream: Downstream,
    request: RequestHead,
    onTimeout: TimeoutHandler,
  ) {
    const { thread } = entry;
    this.thread = thread;
    this.entry = entry;
    this.downstream = downstream;
    this.request = request;
    this.tables = thread.current.tables;
    this.configVersion = thread.current.version;
    this.startedAtMs = thread.clock.monotonicMs();
    this.path = request.path;
    this.authority = request.authority;
    this.#onTimeout = onTimeout;
  }

  /** From the timer wheel. */
  onTimeout(kind: number): void {
    this.#onTimeout(this, kind);
  }

  setRequestTimer(delayMs: number): void {
    this.#requestTimer ??= new WheelTimer(this, exchangeTimer.Request);
    this.thread.wheel.set(this.#requestTimer, delayMs);
  }

  setRetryTimer(delayMs: number): void {
    this.#retryTimer ??= new WheelTimer(this, exchangeTimer.Retry);
    this.thread.wheel.set(this.#retryTimer, delayMs);
  }

  cancelTimers(): void {
    if (this.#requestTimer !== null) this.thread.wheel.cancel(this.#requestTimer);
    if (this.#retryTimer !== null) this.thread.wheel.cancel(this.#retryTimer);
  }
}
