// What REST handlers take and give: plain requests and responses, so that the HTTP framework, tests
// and simulation are adapters around the same functions (design decision D6).

export interface RestRequest {
  readonly method: string;
  /** Path without the query, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  /** Whole, already bounded by the adapter; empty when there was none. */
  readonly body: Uint8Array;
  /** Who asks. Until authentication exists everyone on loopback is `weft-admin`. */
  readonly user: RestUser;
}

export interface RestUser {
  readonly name: string;
  readonly groups: readonly string[];
}

export interface RestResponse {
  readonly status: number;
  /** Lower-case names; a list is sent as several headers. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array | RestStream;
}

/** A body that goes on: a watch. */
export interface RestStream {
  /** Begins, and writes to `sink` until it ends itself or is closed. */
  open(sink: StreamSink): OpenStream;
}

export interface OpenStream {
  /** The connection takes bytes again after a write that answered false. */
  resume(): void;
  /** The client left. */
  close(): void;
}

export interface StreamSink {
  /** False: enough is waiting; write again after `resume`. */
  write(chunk: Uint8Array): boolean;
  end(): void;
}

/** A handler beside the object API, e.g. `/metrics`: null when the path is not its own. */
export type RestRoute = (request: RestRequest) => Promise<RestResponse> | null;
