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
