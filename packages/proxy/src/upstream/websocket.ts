// The part of a WebSocket's handshake that HTTP/2 leaves out (RFC 8441 §5): an HTTP/1.1 peer still
// wants the proof that its key was read (RFC 6455 §4.2.2).

import { createHash } from "node:crypto";
import { appendHeader, headerValue, type RequestHead, type ResponseHead } from "@weft/wire";

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const acceptName = "sec-websocket-accept";

/** Adds the proof to a switch that came without one. */
export function proveKey(request: RequestHead, response: ResponseHead): void {
  const key = headerValue(request.headers, "sec-websocket-key");
  if (key === null || headerValue(response.headers, acceptName) !== null) return;
  const proof = createHash("sha1")
    .update(key + guid)
    .digest("base64");
  appendHeader(response.headers, acceptName, proof);
}
