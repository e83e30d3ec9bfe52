// A connection to an endpoint on its way: TCP, and mutual TLS where the endpoint has it. What is
// spoken on it is known only when the handshake is done: what the peer chose by ALPN (RFC 7301),
// else what the cluster says.

import { type ByteSocket, type SocketOwner, type TlsContext, WheelTimer } from "@weft/runtime";
import { Flag } from "../telemetry/response-flags.ts";
import { connectFlag } from "./connect-flag.ts";
import type { Endpoint } from "./endpoint.ts";

/** Who waits for the connection. */
export interface DiallingOwner {
  readonly endpoint: Endpoint;
  /** Spoken without ALPN: the endpoint is known to. */
  readonly isPriorKnowledge: boolean;
  connected(dialling: Dialling, socket: ByteSocket): void;
  failed(dialling: Dialling, flag: Flag): void;
}

export class Dialling implements SocketOwner {
  /** Counted in the cluster's connections; one beyond the limit is not. */
  readonly isCounted: boolean;
  /** HTTP/2 is not offered: its request can be served by HTTP/1.1 only. */
  readonly isHttp1Only: boolean;
  /** The identity it is opened with; null when plain. */
  context: TlsContext | null = null;
  readonly #owner: DiallingOwner;
  #socket: ByteSocket | null = null;
  readonly #timer: WheelTimer = new WheelTimer(this, 0);

  constructor(owner: DiallingOwner, isCounted: boolean, isHttp1Only: boolean) {
    this.#owner = owner;
    this.isCounted = isCounted;
    this.isHttp1Only = isHttp1Only;
  }

  /** Starts connecting; a flag other than None says that it cannot. */
  open(): Flag {
    const { endpoint } = this.#owner;
    // By ALPN a proxy in between takes HTTP/2 for a way of carrying HTTP/1.1, too.
    const dialled = this.#isKnown ? endpoint.dial(this) : endpoint.dialHttp(this, this.isHttp1Only);
    if (typeof dialled === "number") return dialled;
    this.#socket = dialled;
    if (endpoint.isMtls) this.context = endpoint.thread.identity.context;
    endpoint.thread.wheel.set(this.#timer, endpoint.cluster.row.connectTimeoutMs);
    return Flag.None;
  }

  get #isKnown(): boolean {
    return this.#owner.isPriorKnowledge && !this.isHttp1Only;
  }

  /** What the peer chose, else what the cluster speaks. */
  get isHttp2(): boolean {
    const chosen = this.#socket?.tls?.alpnProtocol;
    if (typeof chosen === "string") return chosen === "h2";
    return (this.#isKnown || this.#owner.endpoint.cluster.row.isHttp2) && !this.isHttp1Only;
  }

  /** It is to speak HTTP/1.1 to an endpoint of which only HTTP/2 is known. */
  get isGuess(): boolean {
    const { isPriorKnowledge, endpoint } = this.#owner;
    const isHttp2 = isPriorKnowledge || endpoint.cluster.row.isHttp2;
    return this.isHttp1Only && !endpoint.isMtls && isHttp2;
  }

  onConnected(): void {
    const { endpoint } = this.#owner;
    endpoint.lastFailure = "";
    endpoint.thread.wheel.cancel(this.#timer);
    this.#owner.connected(this, this.#socket as ByteSocket);
  }

  onTimeout(): void {
    this.#socket?.destroy();
  }

  onBytes(): void {}
  onEnd(): void {}
  onDrain(): void {}

  onClosed(errorCode: string): void {
    const { endpoint } = this.#owner;
    endpoint.thread.wheel.cancel(this.#timer);
    endpoint.noteClosed(errorCode);
    endpoint.lastFailure = errorCode === "" ? "timed out" : errorCode;
    this.#owner.failed(this, connectFlag(errorCode));
  }
}
