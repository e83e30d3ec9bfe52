// Every way a message can be refused: one number, one row. Codes are numbers because they travel
// the hot path; the row says what a downstream is answered. After any of them the connection is
// closed (http-cases section 4).

const errorCodes = {
  None: 0,
  // Request line (RFC 9112 §3).
  BadStart: 1,
  BadRequestLine: 2,
  BadMethod: 3,
  MethodTooLong: 4,
  MethodUnknown: 5,
  BadTarget: 6,
  TargetTooLong: 7,
  BadTargetForm: 8,
  ConnectRefused: 9,
  BadVersion: 10,
  VersionUnsupported: 11,
  // Field lines (RFC 9112 §5).
  BareLineFeed: 12,
  BareCarriageReturn: 13,
  BadFieldName: 14,
  BadFieldValue: 15,
  FoldedField: 16,
  HeadTooLarge: 17,
  TooManyFields: 18,
  UnderscoreName: 19,
  // Framing (RFC 9112 §6).
  BadContentLength: 20,
  RepeatedContentLength: 21,
  LengthAndTransferEncoding: 22,
  BadTransferEncoding: 23,
  TransferEncodingInHttp10: 24,
  BodyTooLarge: 25,
  BodyForbidden: 26,
  // Host and authority (RFC 9112 §3.2, RFC 9110 §7.2).
  HostMissing: 27,
  HostRepeated: 28,
  BadHost: 29,
  AuthorityMismatch: 30,
  // Connection handling (RFC 9110 §7.6.1, §10.1.1).
  BadConnectionOption: 31,
  ExpectationFailed: 32,
  // Chunked coding (RFC 9112 §7.1).
  BadChunkSize: 33,
  BadChunkExtension: 34,
  BadChunkEnd: 35,
  // Responses only (RFC 9112 §4, RFC 9110 §15).
  BadStatusLine: 36,
  TooManyInterim: 37,
  UnexpectedUpgrade: 38,
  UnexpectedBytes: 39,
  // The connection ended, or time did, inside a message.
  Truncated: 40,
  HeadTimeout: 41,
  BodyTimeout: 42,
} as const;

/** Why a message was refused. */
export const ErrorCode: typeof errorCodes = Object.freeze(errorCodes);

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

export interface ErrorRow {
  readonly code: ErrorCode;
  readonly name: keyof typeof ErrorCode;
  /** Answer to a downstream whose request was refused; a refused response is always 502. */
  readonly status: number;
  /** One sentence for the log and the answer's body. */
  readonly text: string;
}

const texts: Record<keyof typeof ErrorCode, readonly [status: number, text: string]> = {
  None: [200, "no error"],
  BadStart: [400, "the message starts with bytes that no request line can start with"],
  BadRequestLine: [400, "the request line is not method, one space, target, one space, version"],
  BadMethod: [400, "the method is not a token"],
  MethodTooLong: [501, "the method is longer than any known one"],
  MethodUnknown: [501, "the method is not one this listener allows"],
  BadTarget: [400, "the request target holds a forbidden or badly encoded character"],
  TargetTooLong: [414, "the request line is too long"],
  BadTargetForm: [400, "the form of the request target does not fit the method"],
  ConnectRefused: [405, "CONNECT is not allowed here"],
  BadVersion: [400, "the protocol version is malformed"],
  VersionUnsupported: [505, "the protocol version is neither HTTP/1.0 nor HTTP/1.1"],
  BareLineFeed: [400, "a line ends with a line feed alone"],
  BareCarriageReturn: [400, "a carriage return is not followed by a line feed"],
  BadFieldName: [400, "a field name is empty, is no token, or is not followed by a colon"],
  BadFieldValue: [400, "a field value holds a control character"],
  FoldedField: [400, "a field line starts with white space"],
  HeadTooLarge: [431, "the fields are too large"],
  TooManyFields: [431, "the message has too many fields"],
  UnderscoreName: [400, "a field name holds an underscore"],
  BadContentLength: [400, "Content-Length is not a plain decimal number"],
  RepeatedContentLength: [400, "Content-Length appears more than once"],
  LengthAndTransferEncoding: [400, "Content-Length and Transfer-Encoding stand together"],
  BadTransferEncoding: [400, "Transfer-Encoding is not exactly chunked"],
  TransferEncodingInHttp10: [400, "Transfer-Encoding stands in an HTTP/1.0 message"],
  BodyTooLarge: [413, "the content is too large"],
  BodyForbidden: [400, "this message must not have content"],
  HostMissing: [400, "the Host field is missing"],
  HostRepeated: [400, "the Host field appears more than once"],
  BadHost: [400, "the host or port is malformed"],
  AuthorityMismatch: [400, "the Host field differs from the authority of the request target"],
  BadConnectionOption: [400, "Connection names a field that must not be removed, or is malformed"],
  ExpectationFailed: [417, "the expectation is not 100-continue"],
  BadChunkSize: [400, "a chunk size is malformed or too large"],
  BadChunkExtension: [400, "a chunk extension is malformed or too long"],
  BadChunkEnd: [400, "a chunk does not end where its size says"],
  BadStatusLine: [502, "the status line is malformed"],
  TooManyInterim: [502, "there are too many interim responses"],
  UnexpectedUpgrade: [502, "the protocol was switched without being asked for"],
  UnexpectedBytes: [502, "bytes arrived that belong to no request"],
  Truncated: [400, "the connection ended inside a message"],
  HeadTimeout: [408, "the head did not arrive in time"],
  BodyTimeout: [408, "the content did not arrive in time"],
};

/** One row per code, in the order of the codes. */
export const errorRows: readonly ErrorRow[] = Object.freeze(
  (Object.keys(ErrorCode) as (keyof typeof ErrorCode)[]).map((name) =>
    Object.freeze({ code: ErrorCode[name], name, status: texts[name][0], text: texts[name][1] }),
  ),
);

/** Status that answers a refused request. */
export function errorStatus(code: ErrorCode): number {
  return (errorRows[code] as ErrorRow).status;
}

/** The sentence that names the reason. */
export function errorText(code: ErrorCode): string {
  return (errorRows[code] as ErrorRow).text;
}
