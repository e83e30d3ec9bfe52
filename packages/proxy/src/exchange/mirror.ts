// A copy of a request on its way to a mirror cluster. Its response is thrown away, its failure is
// nobody's, and it never slows the request down: when it cannot keep up it is dropped.

import type { HeaderList, RequestHead, ResponseHead } from "@weft/wire";
import type { ByteSocket } from "@weft/runtime";
import type { Cluster } from "../upstream/cluster.ts";
import type { Endpoint } from "../upstream/endpoint.ts";
import { outcomeOf } from "../upstream/outlier-counters.ts";
import type { Pool } from "../upstream/pool.ts";
import { RequestBody } from "./body.ts";
import type { UpstreamConnection, UpstreamUser } from "./exchange.ts";

export class Mirror implements UpstreamUser {
  readonly #request: RequestHead;
  readonly #endpoint: Endpoint;
  readonly #pool: Pool;
  readonly #body = new RequestBody();
  #connection: UpstreamConnection | null = null;
  #trailers: HeaderList | null = null;
  #isOver = false;

  /** Null when the cluster has no endpoint. */
  static begin(cluster: Cluster, request: RequestHead): Mirror | null {
    const endpoint = cluster.pick(request.authority, null);
    if (endpoint === null) return null;
    const mirror = new Mirror(endpoint, request);
    endpoint.activeCount++;
    mirror.#pool.acquire(mirror, request, false, false);
    return mirror;
  }

  private constructor(endpoint: Endpoint, request: RequestHead) {
    this.#endpoint = endpoint;
    this.#pool = endpoint.poolFor(false);
    this.#request = request;
  }

  content(bytes: Buffer): void {
    if (!this.#isOver && !this.#body.take(bytes, this.#connection)) this.abort();
  }

  end(trailers: HeaderList): void {
    this.#trailers = trailers;
    if (!this.#isOver) this.#connection?.sendEnd(trailers);
  }

  /** The request was cut or the mirror fell behind. */
  abort(): void {
    if (this.#isOver) return;
    this.#end();
    if (this.#connection !== null) this.#connection.abort();
    else this.#pool.cancel(this);
  }

  onConnection(connection: UpstreamConnection): void {
    this.#connection = connection;
    connection.send(this.#request);
    this.#body.replay(connection);
    this.#body.forget();
    if (this.#trailers !== null) connection.sendEnd(this.#trailers);
  }

  onNoConnection(): void {
    this.#end();
  }

  onResponse(head: ResponseHead): void {
    if (head.status >= 200) this.#endpoint.record(outcomeOf(head.status));
  }

  onContent(): void {}

  onComplete(): void {
    this.#end();
  }

  onBroken(): void {
    this.#end();
  }

  onWritable(): void {}

  onSwitched(socket: ByteSocket): void {
    socket.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endpoint.activeCount--;
  }
}
