// Heads as header blocks (RFC 9113 §8.3): pseudo-headers first, then what the head's members tell,
// then its list. Fields that steer an HTTP/1 connection are left out by the encoder.

import { tokenFold } from "../bytes.ts";
import type { HeaderList } from "../header-list.ts";
import { Framing, type RequestHead, type ResponseHead, TargetForm } from "../http1/head.ts";
import { methods } from "../http1/request-line.ts";
import type { HpackEncoder } from "./hpack-encoder.ts";
import type { Output } from "./output.ts";

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
