// Headers that say who somebody is, or steer the mesh itself. A downstream cannot write them:
// they are taken out of every request, also in the `_` spelling that some programs read as `-`
// (http-cases H17), and the one that names the peer is set again from the certificate it proved.

import { appendHeader, headerValue, type HeaderList } from "@weft/wire";
import type { Exchange } from "../exchange/exchange.ts";

const clientCertificate = "x-forwarded-client-cert";
const explainHeader = "x-weft-explain";
const requestIdHeader = "x-request-id";
const requestIdMax = 128;

/** Takes identity headers out and puts ours in. */
export function setIdentityHeaders(x: Exchange): void {
  const { headers } = x.request;
  if (hasIdentityHeader(headers)) {
    const isAsked = headerValue(headers, explainHeader) !== null;
    // Only the proxy of a program of its own keeps records: any caller could ask for them.
    x.wantsExplanation =
      isAsked && x.thread.settings.explain && x.listener?.direction === "outbound";
    removeIdentityHeaders(headers);
  }
  if (x.entry.peer.clientCertificate !== "") {
    appendHeader(headers, clientCertificate, x.entry.peer.clientCertificate);
  }
  const given = headerValue(headers, requestIdHeader);
  if (given !== null && given !== "" && given.length <= requestIdMax) {
    x.requestId = given;
    return;
  }
  x.requestId = x.thread.nextRequestId();
  if (given === null) appendHeader(headers, requestIdHeader, x.requestId);
  else headers[headers.indexOf(requestIdHeader) + 1] = x.requestId;
}

function hasIdentityHeader(headers: HeaderList): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (isIdentityHeader(headers[i] as string)) return true;
  }
  return false;
}

function removeIdentityHeaders(headers: HeaderList): void {
  let to = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (isIdentityHeader(name)) continue;
    headers[to++] = name;
    headers[to++] = headers[i + 1] as string;
  }
  headers.length = to;
}

function isIdentityHeader(name: string): boolean {
  // All of them begin with x: one comparison settles nearly every header.
  if (name.charCodeAt(0) !== 0x78) return false;
  const second = name.charCodeAt(1);
  if (second !== 0x2d && second !== 0x5f) return false;
  const spelled = name.includes("_") ? name.replaceAll("_", "-") : name;
  return spelled === clientCertificate || spelled.startsWith("x-weft-");
}
