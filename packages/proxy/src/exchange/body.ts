// The content of a request on its way up. Until an attempt has a connection, and as long as the
// request may be sent again, the bytes are kept; beyond the bound they are either sent once and
// forgotten, or the downstream is stopped. Requests without content have none of this.

import type { UpstreamConnection } from "./exchange.ts";

/** What may be kept for sending again; more makes the request one that is sent once. */
const keptBytesMax = 64 * 1024;

export class RequestBody {
  /** In order, from the first byte; null when some are gone. */
  #kept: Buffer[] | null = [];
  #keptBytes = 0;

  /** False once bytes went up that are no longer here. */
  get canReplay(): boolean {
    return this.#kept !== null;
  }

  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Takes content, lent for the call, and sends it on where there is a connection. False: stop the
   * downstream.
   */
  take(bytes: Buffer, connection: UpstreamConnection | null): boolean {
    const fits = this.#keptBytes + bytes.length <= keptBytesMax;
    if (this.#kept !== null && (fits || connection === null)) {
      this.#kept.push(Buffer.from(bytes));
      this.#keptBytes += bytes.length;
    } else {
      this.forget();
    }
    if (connection !== null) return connection.sendContent(bytes);
    return fits;
  }

  /** Sends everything kept; false: stop the downstream. */
  replay(connection: UpstreamConnection): boolean {
    let mayGoOn = true;
    for (const chunk of this.#kept ?? []) mayGoOn = connection.sendContent(chunk);
    if (this.#keptBytes > keptBytesMax) this.forget();
    return mayGoOn;
  }

  /** The request will not be sent again. */
  forget(): void {
    this.#kept = null;
    this.#keptBytes = 0;
  }
}
