// HTTP/2 error codes (RFC 9113 §7), and beneath them the rule that was broken: one number, one row,
// so that a log says which of the many things that end as PROTOCOL_ERROR or ENHANCE_YOUR_CALM it
// was.

const http2Errors = {
  NoError: 0x0,
  ProtocolError: 0x1,
  InternalError: 0x2,
  FlowControlError: 0x3,
  SettingsTimeout: 0x4,
  StreamClosed: 0x5,
  FrameSizeError: 0x6,
  RefusedStream: 0x7,
  Cancel: 0x8,
  CompressionError: 0x9,
  ConnectError: 0xa,
  EnhanceYourCalm: 0xb,
  InadequateSecurity: 0xc,
  Http11Required: 0xd,
} as const;

/** What RST_STREAM and GOAWAY carry. */
export const Http2Error: typeof http2Errors = Object.freeze(http2Errors);
/** A code of the table above, or an unknown number that the peer sent. */
export type Http2Error = number;

const http2Reasons = {
  None: 0,
  // The connection's start and frames (RFC 9113 §3.4, §4, §5.1, §6).
  BadPreface: 1,
  FrameTooLarge: 2,
  BadFrameSize: 3,
  BadStreamId: 4,
  BadPadding: 5,
  StreamIdParity: 6,
  StreamIdReused: 7,
  IdleStream: 8,
  ClosedStream: 9,
  ContinuationExpected: 10,
  UnexpectedContinuation: 11,
  PushPromise: 12,
  BadSetting: 13,
  BadWindowSetting: 14,
  UnexpectedSettingsAck: 15,
  // Flow control (§5.2, §6.9).
  FlowControl: 16,
  WindowOverflow: 17,
  ZeroWindowUpdate: 18,
  // Header compression (RFC 7541).
  BadIndex: 19,
  BadInteger: 20,
  BadHuffman: 21,
  BadTableSize: 22,
  BadBlockEnd: 23,
  // Messages (RFC 9113 §8).
  BadFieldName: 24,
  BadFieldValue: 25,
  ConnectionField: 26,
  BadPseudoField: 27,
  MissingPseudoField: 28,
  BadMethod: 29,
  BadPath: 30,
  BadAuthority: 31,
  AuthorityMismatch: 32,
  BadStatus: 33,
  BadContentLength: 34,
  ContentLengthMismatch: 35,
  BodyForbidden: 36,
  BadTrailers: 37,
  BadInterim: 38,
  DataBeforeHead: 39,
  UnexpectedConnect: 40,
  BadPriority: 41,
  HeadTooLarge: 42,
  BodyTooLarge: 43,
  // Floods (RFC 9113 §10.5, http-cases H40-H48).
  HeaderBomb: 44,
  ContinuationFlood: 45,
  ResetFlood: 46,
  SettingsFlood: 47,
  PingFlood: 48,
  PriorityFlood: 49,
  WindowUpdateFlood: 50,
  EmptyFrameFlood: 51,
  UselessFrameFlood: 52,
  ControlQueue: 53,
  // Streams this side gives up.
  TooManyStreams: 54,
  GoingAway: 55,
  Stalled: 56,
  HeadTimeout: 57,
  PrefaceTimeout: 58,
  Disconnected: 59,
  Silent: 60,
} as const;

/** The rule that ended a stream or a connection; the index of its row. */
export const Http2Reason: typeof http2Reasons = Object.freeze(http2Reasons);
export type Http2Reason = (typeof Http2Reason)[keyof typeof Http2Reason];

export interface Http2ReasonRow {
  readonly reason: Http2Reason;
  readonly name: keyof typeof Http2Reason;
  /** What the peer is told. */
  readonly code: Http2Error;
  /** One sentence for the log. */
  readonly text: string;
}

const texts: Record<keyof typeof Http2Reason, readonly [code: Http2Error, text: string]> = {
  None: [http2Errors.NoError, "no error"],
  BadPreface: [http2Errors.ProtocolError, "the connection preface is missing or malformed"],
  FrameTooLarge: [http2Errors.FrameSizeError, "a frame is larger than allowed"],
  BadFrameSize: [http2Errors.FrameSizeError, "a frame's size does not fit its type"],
  BadStreamId: [http2Errors.ProtocolError, "a frame's stream identifier does not fit its type"],
  BadPadding: [http2Errors.ProtocolError, "the padding is longer than the frame"],
  StreamIdParity: [http2Errors.ProtocolError, "a stream has an identifier of the other side"],
  StreamIdReused: [http2Errors.ProtocolError, "a stream identifier does not grow"],
  IdleStream: [http2Errors.ProtocolError, "a frame names a stream that was never opened"],
  ClosedStream: [http2Errors.StreamClosed, "a frame arrived after the end of its stream"],
  ContinuationExpected: [http2Errors.ProtocolError, "a header block was interrupted"],
  UnexpectedContinuation: [http2Errors.ProtocolError, "CONTINUATION without a header block"],
  PushPromise: [http2Errors.ProtocolError, "PUSH_PROMISE, which is switched off"],
  BadSetting: [http2Errors.ProtocolError, "a setting has a forbidden value"],
  BadWindowSetting: [http2Errors.FlowControlError, "the initial window size is too large"],
  UnexpectedSettingsAck: [http2Errors.ProtocolError, "SETTINGS acknowledged that were not sent"],
  FlowControl: [http2Errors.FlowControlError, "more content than the window allows"],
  WindowOverflow: [http2Errors.FlowControlError, "a window grew beyond 2^31-1"],
  ZeroWindowUpdate: [http2Errors.ProtocolError, "WINDOW_UPDATE of zero"],
  BadIndex: [http2Errors.CompressionError, "an index points outside of the header tables"],
  BadInteger: [http2Errors.CompressionError, "a header block's integer is too large or cut off"],
  BadHuffman: [http2Errors.CompressionError, "a Huffman-coded string is malformed"],
  BadTableSize: [http2Errors.CompressionError, "a table size update is too large or misplaced"],
  BadBlockEnd: [http2Errors.CompressionError, "a header block ends inside a field"],
  BadFieldName: [http2Errors.ProtocolError, "a field name is empty or no lower-case token"],
  BadFieldValue: [http2Errors.ProtocolError, "a field value holds a forbidden character"],
  ConnectionField: [http2Errors.ProtocolError, "a field that belongs to HTTP/1 connections"],
  BadPseudoField: [http2Errors.ProtocolError, "a pseudo-header is unknown, repeated or late"],
  MissingPseudoField: [http2Errors.ProtocolError, "a pseudo-header is missing or one too many"],
  BadMethod: [http2Errors.ProtocolError, "the method is not a token"],
  BadPath: [http2Errors.ProtocolError, "the path holds a forbidden or badly encoded character"],
  BadAuthority: [http2Errors.ProtocolError, "the authority or the Host field is malformed"],
  AuthorityMismatch: [http2Errors.ProtocolError, "the Host field differs from the authority"],
  BadStatus: [http2Errors.ProtocolError, "the status is not a three-digit number"],
  BadContentLength: [http2Errors.ProtocolError, "Content-Length is malformed or repeated"],
  ContentLengthMismatch: [http2Errors.ProtocolError, "the content is not as long as declared"],
  BodyForbidden: [http2Errors.ProtocolError, "this message must not have content"],
  BadTrailers: [
    http2Errors.ProtocolError,
    "trailers hold a pseudo-header or do not end the stream",
  ],
  BadInterim: [http2Errors.ProtocolError, "interim responses end the stream or are too many"],
  DataBeforeHead: [http2Errors.ProtocolError, "content came before the head"],
  UnexpectedConnect: [http2Errors.ProtocolError, "extended CONNECT was not offered"],
  BadPriority: [http2Errors.ProtocolError, "a stream depends on itself"],
  HeadTooLarge: [http2Errors.EnhanceYourCalm, "the fields are too large or too many"],
  BodyTooLarge: [http2Errors.Cancel, "the content is too large"],
  HeaderBomb: [http2Errors.EnhanceYourCalm, "a header block decodes to far more than allowed"],
  ContinuationFlood: [http2Errors.EnhanceYourCalm, "too many frames for one header block"],
  ResetFlood: [http2Errors.EnhanceYourCalm, "too many streams were reset"],
  SettingsFlood: [http2Errors.EnhanceYourCalm, "too many SETTINGS"],
  PingFlood: [http2Errors.EnhanceYourCalm, "too many PINGs"],
  PriorityFlood: [http2Errors.EnhanceYourCalm, "too many PRIORITY frames"],
  WindowUpdateFlood: [http2Errors.EnhanceYourCalm, "too many WINDOW_UPDATEs"],
  EmptyFrameFlood: [http2Errors.EnhanceYourCalm, "too many empty frames"],
  UselessFrameFlood: [http2Errors.EnhanceYourCalm, "too many frames without effect"],
  ControlQueue: [http2Errors.EnhanceYourCalm, "answers wait because the peer does not read"],
  TooManyStreams: [http2Errors.RefusedStream, "more streams at once than allowed"],
  GoingAway: [http2Errors.RefusedStream, "the stream came after GOAWAY"],
  Stalled: [http2Errors.Cancel, "the peer's window stayed closed"],
  HeadTimeout: [http2Errors.EnhanceYourCalm, "a header block was not finished in time"],
  PrefaceTimeout: [http2Errors.SettingsTimeout, "the peer's SETTINGS did not come in time"],
  Disconnected: [http2Errors.InternalError, "the connection ended"],
  Silent: [http2Errors.NoError, "the peer did not answer a PING in time"],
};

/** One row per reason, in the order of the numbers. */
export const http2ReasonRows: readonly Http2ReasonRow[] = Object.freeze(
  (Object.keys(Http2Reason) as (keyof typeof Http2Reason)[]).map((name) =>
    Object.freeze({
      reason: Http2Reason[name],
      name,
      code: texts[name][0],
      text: texts[name][1],
    }),
  ),
);
const codes = Uint8Array.from(http2ReasonRows, (row) => row.code);

/** The code a peer is told for that reason. */
export function codeOfReason(reason: Http2Reason): Http2Error {
  return codes[reason] as number;
}

/** The sentence that names the rule. */
export function http2ReasonText(reason: Http2Reason): string {
  return (http2ReasonRows[reason] as Http2ReasonRow).text;
}
