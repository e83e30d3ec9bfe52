// The bounds a codec enforces while it reads. They act before anything is stored, so a peer cannot
// make a connection hold more memory than they say (http-cases H34, H35).

/**
 * Bounds of one HTTP/1.x connection; every field is enforced while bytes arrive, never afterwards.
 */
export interface Http1Limits {
  /** Request line without its line end; more is 414. */
  readonly requestLineBytesMax: number;
  /** Start line, fields and trailers of one message with their line ends; more is 431. */
  readonly headBytesMax: number;
  /** Field lines of one message, trailers included; more is 431. Above 4096 it means 4096. */
  readonly fieldsMax: number;
  /** Longest method; more is 501 (RFC 9112 §3). */
  readonly methodBytesMax: number;
  /** Content of one message after chunk decoding; more is 413. */
  readonly bodyBytesMax: number;
  /** Bytes of all chunk extensions of one message (RFC 9112 §7.1.1). */
  readonly chunkExtensionBytesMax: number;
  /** Interim (1xx) responses before the final one. */
  readonly interimMax: number;
}

export const defaultHttp1Limits: Http1Limits = Object.freeze({
  requestLineBytesMax: 8 * 1024,
  headBytesMax: 32 * 1024,
  fieldsMax: 100,
  methodBytesMax: 32,
  bodyBytesMax: Number.MAX_SAFE_INTEGER,
  chunkExtensionBytesMax: 1024,
  interimMax: 16,
});

/** Bounds of one HTTP/2 connection (http-cases section 4.1); rates are counted by `feed`'s time. */
export interface Http2Limits {
  /**
   * A decoded head or trailers, each field with the 32 bytes of overhead that RFC 7541 §4.1 counts;
   * advertised as MAX_HEADER_LIST_SIZE. More is 431; eight times as much ends the connection (H45).
   */
  readonly headBytesMax: number;
  /** A header block as it arrives, compressed; more ends the connection (H42). */
  readonly blockBytesMax: number;
  /** Fields of one message, pseudo-headers, cookie crumbs and dropped ones included. */
  readonly fieldsMax: number;
  /** :path; more is 414. */
  readonly targetBytesMax: number;
  readonly methodBytesMax: number;
  /** Content of one message; more is 413. */
  readonly bodyBytesMax: number;
  /** CONTINUATION frames of one header block (H42). */
  readonly continuationsMax: number;
  /** Time a header block may stay open (H42). */
  readonly headTimeoutMs: number;
  /** Interim (1xx) responses before the final one (H19). */
  readonly interimMax: number;
  /** Requests taken by one `feed`; the rest waits for the next (H40). */
  readonly requestsPerFeedMax: number;
  /** Early resets, by the peer or owed to its errors: burst and sustained rate (H40, H41). */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** SETTINGS frames in 10 s (H43). */
  readonly settingsMax: number;
  /** PING frames in 10 s without content or heads sent between them (H43). */
  readonly pingsMax: number;
  /** PRIORITY frames for each stream opened (CVE-2019-9513). */
  readonly prioritiesPerStream: number;
  /** WINDOW_UPDATE frames for each DATA frame sent. */
  readonly windowUpdatesPerData: number;
  /** Frames without content in a row: DATA, HEADERS, CONTINUATION (CVE-2019-9518). */
  readonly emptyFramesMax: number;
  /** Frames without effect in 10 s, beside two for each stream opened. */
  readonly unknownFramesMax: number;
  /** Control frames waiting to be written (H43). */
  readonly controlFramesMax: number;
  /** With that much content waiting for a stream's window, its writer is told to wait (H47). */
  readonly streamQueueBytesMax: number;
  /** A stream whose content waits for the peer's window this long is reset (H45, H47). */
  readonly stallTimeoutMs: number;
}

export const defaultHttp2Limits: Http2Limits = Object.freeze({
  headBytesMax: 32 * 1024,
  blockBytesMax: 32 * 1024,
  fieldsMax: 100,
  targetBytesMax: 8 * 1024,
  methodBytesMax: 32,
  bodyBytesMax: Number.MAX_SAFE_INTEGER,
  continuationsMax: 8,
  headTimeoutMs: 5000,
  interimMax: 16,
  requestsPerFeedMax: 8,
  resetBurst: 100,
  resetsPerSecond: 20,
  settingsMax: 16,
  pingsMax: 64,
  prioritiesPerStream: 16,
  windowUpdatesPerData: 8,
  emptyFramesMax: 1,
  unknownFramesMax: 256,
  controlFramesMax: 256,
  streamQueueBytesMax: 64 * 1024,
  stallTimeoutMs: 30_000,
});
