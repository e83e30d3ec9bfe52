export { ErrorCode, type ErrorRow, errorRows, errorStatus, errorText } from "./error-code.ts";
export {
  encodeGrpcMessage,
  GrpcStatus,
  grpcStatusOfHttp,
  httpStatusOfGrpc,
  isGrpcContentType,
  isGrpcFailure,
  parseGrpcStatus,
} from "./grpc/status.ts";
export { formatGrpcTimeout, parseGrpcTimeout } from "./grpc/timeout.ts";
export {
  encodeWebText,
  grpcTypeOfWeb,
  GrpcWebType,
  grpcWebType,
  WebTextDecoder,
  webTypeOfGrpc,
  writeTrailerFrame,
} from "./grpc/web.ts";
export {
  appendHeader,
  hasHeader,
  type HeaderList,
  headerValue,
  joinedHeaderValue,
  removeHeader,
  setHeader,
} from "./header-list.ts";
export type { UnderscoreNames } from "./http1/field-block.ts";
export {
  Framing,
  ParseStatus,
  RequestHead,
  type RequestSink,
  ResponseHead,
  type ResponseSink,
  TargetForm,
} from "./http1/head.ts";
export { type EncodedSeparators, normalizePath } from "./http1/path.ts";
export {
  defaultRequestParserOptions,
  RequestParser,
  type RequestParserOptions,
} from "./http1/request-parser.ts";
export { ResponseParser, type ResponseParserOptions } from "./http1/response-parser.ts";
export {
  chunkEnd,
  type RequestFields,
  type ResponseFields,
  writeChunkHead,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
} from "./http1/writer.ts";
export {
  codeOfReason,
  Http2Error,
  Http2Reason,
  type Http2ReasonRow,
  http2ReasonRows,
  http2ReasonText,
} from "./http2/error.ts";
export {
  defaultHttp2Keepalive,
  type Http2Keepalive,
} from "./http2/keepalive.ts";
export { Http2Connection } from "./http2/connection.ts";
export {
  defaultHttp2Options,
  type Http2Options,
  type Http2Role,
  type Http2Sink,
  Http2Status,
  type PeerSettings,
  sharedConnectionWindowBytes,
} from "./http2/options.ts";
export type { Http2Stream } from "./http2/stream.ts";
export {
  defaultHttp1Limits,
  defaultHttp2Limits,
  type Http1Limits,
  type Http2Limits,
} from "./limits.ts";
export { formatIpAddress, parseIpAddress } from "./ip-address.ts";
export {
  type ProxyAddresses,
  ProxyHeader,
  ProxyStatus,
  proxyPayloadBytesMax,
  readProxyHeader,
  writeProxyHeader,
  writeProxyLine,
} from "./proxy-protocol.ts";
export {
  ClientHello,
  clientHelloBytesMax,
  HelloStatus,
  readClientHello,
} from "./tls/client-hello.ts";
