// A stream of an HTTP/2 connection as a byte socket, for tunnels: CONNECT (RFC 9113 §8.5) and
// websockets (RFC 8441). Reading is paused by keeping the stream's flow-control credit; an orderly
// half-close is END_STREAM, anything else a RST_STREAM. Either end of a tunnel may be one, or both.

import { atTurnEnd, type ByteSocket, type SocketOwner, type TurnEnd } from "@weft/runtime";
import { type HeaderList, Http2Error, type Http2Stream } from "@weft/wire";

/** Who uses a stream; the connection of the stream passes on what comes for it. */
export interface StreamOwner {
  /** Lent for the call; `Http2Stream.consumed` gives the peer leave for more. */
  onStreamData(bytes: Buffer): void;
  onStreamEnd(trailers: HeaderList): void;
  /** The stream is over, whoever ended it. */
  onStreamReset(code: Http2Error, isByPeer: boolean): void;
  onStreamWritable(): void;
}

/** What a tunnel tells about the connection below it. */
export interface StreamSocketPeer {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
}

const noTrailers: HeaderList = [];
const noOwner: SocketOwner = {
  onConnected() {},
  onBytes() {},
  onEnd() {},
  onDrain() {},
  onClosed() {},
};

/** Starts paused. */
export class StreamSocket implements ByteSocket, StreamOwner, TurnEnd {
  owner: SocketOwner = noOwner;
  isClosed = false;
  isBlocked = false;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  readonly tls = null;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #stream: Http2Stream;
  #isPaused = true;
  /** Arrived while paused; what it takes up is not given back to the peer as credit. */
  readonly #held: Buffer[] = [];
  #hasPeerEnded = false;
  /** The owner knows of the peer's end. */
  #isEndTold = false;
  #isEnded = false;
  #errorCode = "";

  constructor(stream: Http2Stream, peer: StreamSocketPeer) {
    this.#stream = stream;
    this.remoteAddress = peer.remoteAddress;
    this.remotePort = peer.remotePort;
    this.localPort = peer.localPort;
  }

  get unsentBytes(): number {
    return this.#stream.queuedBytes;
  }

  write(bytes: Buffer): boolean {
    if (this.isClosed || this.#isEnded) return false;
    this.bytesWritten += bytes.length;
    this.isBlocked = !this.#stream.data(bytes);
    return !this.isBlocked;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused || this.isClosed) return;
    this.#isPaused = false;
    while (this.#held.length > 0 && !this.#isPaused && !this.isClosed) {
      this.#give(this.#held.shift() as Buffer);
    }
    this.#lookForEnd();
  }

  end(): void {
    if (this.isClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#stream.end(noTrailers);
    if (this.#isEndTold) this.#close("");
  }

  destroySoon(): void {
    if (this.isClosed) return;
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#stream.end(noTrailers);
    }
    if (!this.#hasPeerEnded) this.#stream.reset(Http2Error.NoError);
    this.#close("");
  }

  destroy(): void {
    this.#cut(Http2Error.Cancel);
  }

  /** RFC 9113 §8.5: a connection that was reset is told by CONNECT_ERROR. */
  reset(): void {
    this.#cut(Http2Error.ConnectError);
  }

  // From the stream.

  onStreamData(bytes: Buffer): void {
    if (this.isClosed) return;
    if (this.#isPaused || this.#held.length > 0) this.#held.push(Buffer.from(bytes));
    else this.#give(bytes);
  }

  onStreamEnd(): void {
    this.#hasPeerEnded = true;
    this.#lookForEnd();
  }

  onStreamReset(code: Http2Error, isByPeer: boolean): void {
    const isOrderly = code === Http2Error.NoError && this.#isEnded;
    this.#close(isOrderly ? "" : isByPeer ? "ECONNRESET" : "EPROTO");
  }

  onStreamWritable(): void {
    if (this.isClosed) return;
    this.isBlocked = false;
    this.owner.onDrain();
  }

  /** At the end of the turn in which it closed: its owner learns it as it would of a socket. */
  flush(): void {
    this.owner.onClosed(this.#errorCode);
  }

  #give(bytes: Buffer): void {
    this.bytesRead += bytes.length;
    this.owner.onBytes(bytes);
    if (!this.isClosed) this.#stream.consumed(bytes.length);
  }

  #lookForEnd(): void {
    const isReady = this.#hasPeerEnded && !this.#isPaused && this.#held.length === 0;
    if (!isReady || this.#isEndTold || this.isClosed) return;
    this.#isEndTold = true;
    this.owner.onEnd();
    if (this.#isEnded) this.#close("");
  }

  #cut(code: Http2Error): void {
    if (this.isClosed) return;
    if (!this.#isEnded || !this.#hasPeerEnded) this.#stream.reset(code);
    this.#close("");
  }

  #close(errorCode: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#errorCode = errorCode;
    this.#held.length = 0;
    atTurnEnd(this);
  }
}
