// Heads as header blocks (RFC 9113 §8.3): pseudo-headers first, then what the head's members tell,
// then its list. Fields that steer an HTTP/1 connection are left out by the encoder.

import { tokenFold } from "../bytes.ts";
import type { HeaderList } from "../header-list.ts";
import { Framing, type RequestHead, type ResponseHead, TargetForm } from "../http1/head.ts";
import { methods } from "../http1/request-line.ts";
import type { HpackEncoder } from "./hpack-encoder.ts";
import { fieldOverheadBytes } from "./hpack-tables.ts";
import type { Output } from "./output.ts";

// What the fields count that are written from a head's members, beside longer values.
const pseudoFieldsBytes = 4 * fieldOverheadBytes + ":method:scheme:path:authority".length + 5;
const protocolFieldBytes = fieldOverheadBytes + ":protocol".length + "CONNECT".length;
const lengthFieldBytes = fieldOverheadBytes + "content-length".length + 16;
const expectFieldBytes = fieldOverheadBytes + "expect100-continue".length;
const teFieldBytes = fieldOverheadBytes + "tetrailers".length;
const statusFieldBytes = fieldOverheadBytes + ":status200".length;
/** Texts of the statuses, made once each. */
const statusTexts: string[] = Array.from({ length: 1000 }, () => "");

/** A request; a head with `upgrade` becomes an extended CONNECT (RFC 8441 §4). */
export function writeRequestFields(
  encoder: HpackEncoder,
  output: Output,
  head: RequestHead,
  defaultScheme: string,
): void {
  const { method, form } = head;
  encoder.begin(output);
  if (head.upgrade !== "") {
    encoder.ownField(output, ":method", "CONNECT");
    encoder.ownField(output, ":protocol", head.upgrade);
  } else {
    if (!methods.includes(method) && !isToken(method)) throw unsafe("the method");
    encoder.ownField(output, ":method", method);
  }
  if (form !== TargetForm.Authority) {
    const target = form === TargetForm.Absolute ? head.path + head.query : head.target;
    if (target === "" || target.includes(" ")) throw unsafe("the target");
    encoder.ownField(output, ":scheme", head.scheme === "" ? defaultScheme : head.scheme);
    encoder.ownField(output, ":path", target);
  }
  encoder.ownField(output, ":authority", head.authority);
  if (head.framing === Framing.Length) encoder.lengthField(output, head.contentLength);
  if (head.expectContinue) encoder.ownField(output, "expect", "100-continue");
  if (head.acceptsTrailers) encoder.ownField(output, "te", "trailers");
  writeFields(encoder, output, head.headers, head.neverIndexed);
}

/** What the peer counts of a request's head (RFC 9113 §6.5.2), or a little more. */
export function requestListBytes(head: RequestHead): number {
  const { method, target, authority, upgrade, headers } = head;
  let bytes = pseudoFieldsBytes + method.length + target.length + authority.length;
  if (upgrade !== "") bytes += protocolFieldBytes + upgrade.length;
  if (head.framing === Framing.Length) bytes += lengthFieldBytes;
  if (head.expectContinue) bytes += expectFieldBytes;
  if (head.acceptsTrailers) bytes += teFieldBytes;
  return bytes + listBytes(headers);
}

/** The same of a response's. */
export function responseListBytes(head: ResponseHead): number {
  return statusFieldBytes + lengthFieldBytes + listBytes(head.headers);
}

function listBytes(headers: HeaderList): number {
  let bytes = (headers.length / 2) * fieldOverheadBytes;
  for (let i = 0; i < headers.length; i++) bytes += (headers[i] as string).length;
  return bytes;
}

/** A response; `isTunnel` when it opens one, which takes 200 for 101 and no length. */
export function writeResponseFields(
  encoder: HpackEncoder,
  output: Output,
  head: ResponseHead,
  isTunnel: boolean,
): void {
  const status = isTunnel && head.status === 101 ? 200 : head.status;
  if (!Number.isInteger(status) || status < 100 || status > 999 || status === 101) {
    throw unsafe("the status");
  }
  encoder.begin(output);
  let text = statusTexts[status] as string;
  if (text === "") text = statusTexts[status] = String(status);
  encoder.ownField(output, ":status", text);
  // RFC 9110 §8.6: never in 1xx, 204 and 2xx to CONNECT.
  const isSized = status >= 200 && status !== 204 && !(isTunnel && status < 300);
  const { framing, contentLength } = head;
  if (isSized && contentLength >= 0 && (framing === Framing.Length || framing === Framing.None)) {
    encoder.lengthField(output, contentLength);
  }
  writeFields(encoder, output, head.headers, head.neverIndexed);
}

export function writeTrailerFields(
  encoder: HpackEncoder,
  output: Output,
  trailers: HeaderList,
): void {
  encoder.begin(output);
  writeFields(encoder, output, trailers, null);
}

function writeFields(
  encoder: HpackEncoder,
  output: Output,
  headers: HeaderList,
  neverIndexed: readonly string[] | null,
): void {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const isSecret = neverIndexed?.includes(name) === true;
    encoder.field(output, name, headers[i + 1] as string, isSecret);
  }
}

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127 || tokenFold[code] === 0) return false;
  }
  return text !== "";
}

function unsafe(part: string): TypeError {
  return new TypeError(`refused to write a message: ${part} holds what must not stand there`);
}
