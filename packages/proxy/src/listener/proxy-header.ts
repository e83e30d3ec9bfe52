// The PROXY protocol header in front of a connection (http-cases H58). From configured peers it is
// demanded, and says who the connection is from; from anybody else it is refused where somebody is
// configured, because it would be believed further on.

import type { ByteSocket } from "@weft/runtime";
import { type AddressRange, isInRanges } from "@weft/rules";
import { type ProxyAddresses, ProxyHeader, ProxyStatus, readProxyHeader } from "@weft/wire";
import { Refusal } from "../telemetry/refusals.ts";
import type { Thread } from "../thread.ts";
import { Held, type HeldBytesUser, holdBytes } from "./held-bytes.ts";

const headerMs = 5_000;
/** Who owes no header may be silent: its server may speak first. */
const silenceMs = 250;
const nothing = Buffer.alloc(0);

export interface ProxyHeaderHandler {
  /** `rest` is what came after the header, and may be lent; null: the peer speaks for itself. */
  onHeader(rest: Buffer, addresses: ProxyAddresses | null, hasEnded: boolean): void;
  onBadHeader(refusal: Refusal): void;
}

/** Whether the peer is one whose connections begin with a header. */
export function sendsHeader(ranges: readonly AddressRange[], socket: ByteSocket): boolean {
  return isInRanges(ranges, socket.remoteAddress);
}

/** Takes the header that is owed, or sees to it that there is none. */
export function readHeader(
  thread: Thread,
  socket: ByteSocket,
  isOwed: boolean,
  handler: ProxyHeaderHandler,
): void {
  const waitMs = isOwed ? headerMs : silenceMs;
  holdBytes(thread, socket, nothing, waitMs, new HeaderReader(isOwed, handler));
}

class HeaderReader implements HeldBytesUser {
  readonly direction = "inbound";
  readonly #isOwed: boolean;
  readonly #handler: ProxyHeaderHandler;
  readonly #header = new ProxyHeader();
  #status: ProxyStatus = ProxyStatus.More;

  constructor(isOwed: boolean, handler: ProxyHeaderHandler) {
    this.#isOwed = isOwed;
    this.#handler = handler;
  }

  isEnough(bytes: Buffer): boolean {
    this.#status = readProxyHeader(bytes, this.#header);
    return this.#status !== ProxyStatus.More;
  }

  onOver(bytes: Buffer, why: Held): void {
    const status = this.#status;
    if (!this.#isOwed) {
      const isNone = status === ProxyStatus.Absent || status === ProxyStatus.More;
      if (isNone) return this.#handler.onHeader(bytes, null, why === Held.Ended);
      return this.#handler.onBadHeader(Refusal.ProxyHeaderRefused);
    }
    if (status !== ProxyStatus.Done) return this.#handler.onBadHeader(Refusal.BadProxyHeader);
    const rest = bytes.subarray(this.#header.byteCount);
    this.#handler.onHeader(rest, this.#header.addresses, why === Held.Ended);
  }
}
