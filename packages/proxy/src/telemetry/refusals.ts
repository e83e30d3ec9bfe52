// Why a connection was refused or given up: one row per reason, with a stable code for the log. A
// request that is answered has a response flag instead (`response-flags.ts`). Peers that are wrong
// come in floods: of one reason only a few lines are written in a while, the others are counted.

import type { LogFields, Logger } from "@weft/runtime";

const refusals = {
  PlaintextRefused: 0,
  TlsNotOffered: 1,
  HandshakeFailed: 2,
  CertificateMissing: 3,
  CertificateInvalid: 4,
  IdentityRefused: 5,
  EndpointIdentity: 6,
  NotHttp: 7,
  MalformedRequest: 8,
  NothingSaid: 9,
  NoConfiguration: 10,
  NoService: 11,
  NoUpstream: 12,
  BadClientHello: 13,
  NoServerName: 14,
  BadProxyHeader: 15,
  ProxyHeaderRefused: 16,
  CaptureBypassed: 17,
  AddressUnknown: 18,
  HostUnknown: 19,
  EndpointSilent: 20,
  EndpointHttp2: 21,
  EndpointCertificate: 22,
  EndpointTls: 23,
} as const;

export const Refusal: typeof refusals = Object.freeze(refusals);
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

export interface RefusalRow {
  /** The field `code` of the log line. */
  readonly code: string;
  readonly text: string;
  /** What the peer sees. */
  readonly seen: string;
  readonly hint: string;
}

/** In the order of `Refusal`. */
export const refusalRows: readonly RefusalRow[] = Object.freeze([
  {
    code: "plaintext-refused",
    text: "plain bytes on a port that takes mutual TLS alone",
    seen: "closed without an answer",
    hint: "call through a sidecar, or set PeerAuthentication to Permissive",
  },
  {
    code: "tls-not-offered",
    text: "TLS on a port that speaks plain HTTP",
    seen: "TLS alert handshake_failure, closed",
    hint: "speak plain HTTP to it; with PeerAuthentication Disable no TLS is offered",
  },
  {
    code: "handshake-failed",
    text: "a TLS handshake failed",
    seen: "a TLS alert where the protocol has one, closed",
    hint: "the field reason says at what; look at the peer's versions and ciphers",
  },
  {
    code: "certificate-missing",
    text: "a TLS peer showed no certificate",
    seen: "TLS alert certificate_required, closed",
    hint: "only workloads of the mesh may use TLS here: call through a sidecar",
  },
  {
    code: "certificate-invalid",
    text: "a TLS peer's certificate does not chain to the mesh's roots, or is out of date",
    seen: "closed after the handshake, without an alert (docs/decisions/0055)",
    hint: "compare `weft cert` of both workloads and their clocks",
  },
  {
    code: "identity-refused",
    text: "a TLS peer proved an identity that this port does not take",
    seen: "closed after the handshake, without an alert",
    hint: "the field identity says which it was, wanted which are taken",
  },
  {
    code: "endpoint-identity",
    text: "an endpoint proved another identity than its service has",
    seen: "503 with flag UID, or closed",
    hint: "the address belongs to somebody else now, or the Workload names the wrong account",
  },
  {
    code: "not-http",
    text: "bytes that are not HTTP on an HTTP port",
    seen: "400, closed",
    hint: "declare the port's protocol: appProtocol, the port's name, or --protocol tcp",
  },
  {
    code: "malformed-request",
    text: "a request that breaks the rules of HTTP",
    seen: "the status of its reason (400, 408, 413, 414, 431, 501 or 505), closed",
    hint: "the field reason says which rule",
  },
  {
    code: "nothing-said",
    text: "a connection on which nothing came in time",
    seen: "closed",
    hint: "where the server speaks first, declare the port's protocol as tcp",
  },
  {
    code: "no-configuration",
    text: "a connection to a port that has no configuration (yet)",
    seen: "closed",
    hint: "the sidecar has not heard of the port from its control plane",
  },
  {
    code: "no-service",
    text: "a connection to a service that does not exist (yet)",
    seen: "closed; HTTP is answered 503 with flag NS",
    hint: "look for the name with `weft get services -A`",
  },
  {
    code: "no-upstream",
    text: "a byte stream for which no connection could be made",
    seen: "closed",
    hint: "the field flag says why, by the letters of the response flags",
  },
  {
    code: "bad-client-hello",
    text: "a TLS connection whose first message is malformed, too long or too slow",
    seen: "TLS alert decode_error, closed",
    hint: "at most 16 KiB within 5 seconds",
  },
  {
    code: "no-server-name",
    text: "a TLS connection whose server name no route takes",
    seen: "TLS alert unrecognized_name, closed",
    hint: "the field serverName says what was asked for; compare the TLSRoutes",
  },
  {
    code: "bad-proxy-header",
    text: "no well-formed PROXY protocol header on a port that demands one",
    seen: "closed without an answer",
    hint: "the load balancer in front must send PROXY protocol version 1 or 2",
  },
  {
    code: "proxy-header-refused",
    text: "a PROXY protocol header from a peer that may not send one",
    seen: "closed without an answer",
    hint: "add the peer's address to those it is taken from",
  },
  {
    code: "capture-bypassed",
    text: "a connection to a port that takes captured connections alone",
    seen: "closed without an answer",
    hint: "call the service by name or at its own port; with --transparent no proxy is to be named",
  },
  {
    code: "address-unknown",
    text: "a connection to a virtual address that no service has (any more)",
    seen: "closed without an answer",
    hint: "look the name up again: its address is of an earlier run, or of another workload",
  },
  {
    code: "host-unknown",
    text: "a byte stream to a host that the mesh does not know and lets nothing out to",
    seen: "closed; HTTP is answered 502 with flag RO",
    hint: "declare the host as a Service, or set MeshConfig's outbound to AllowAny",
  },
  {
    code: "upstream-silent",
    text: "an endpoint with requests under way did not answer a PING",
    seen: "503 with flag UC, where the request cannot be sent again",
    hint: "its host is gone, or the network drops its packets",
  },
  {
    code: "upstream-http2",
    text: "an endpoint's HTTP/2 is malformed",
    seen: "502 with flag UPE",
    hint: "the field reason says which rule; the endpoint may speak another protocol",
  },
  {
    code: "endpoint-certificate",
    text: "an endpoint's certificate does not chain to the mesh's roots, or is out of date",
    seen: "503 with flag UID, or closed",
    hint: "compare `weft cert` of both workloads and their clocks",
  },
  {
    code: "endpoint-tls",
    text: "an endpoint ended a TLS connection with an alert",
    seen: "503 with flag UF or UC, or closed",
    hint: "the field reason names the alert; its side may not take our certificate, version or cipher",
  },
]);

const loggedMax = 5;
const windowMs = 10_000;

interface Window {
  endsAtMs: number;
  loggedCount: number;
  unloggedCount: number;
}

/** Of one worker. */
export class Refusals {
  readonly #log: Logger;
  readonly #monotonicMs: () => number;
  readonly #windows: (Window | null)[] = refusalRows.map(() => null);

  constructor(log: Logger, monotonicMs: () => number) {
    this.#log = log;
    this.#monotonicMs = monotonicMs;
  }

  note(refusal: Refusal, fields: LogFields): void {
    const { code, text } = refusalRows[refusal] as RefusalRow;
    const nowMs = this.#monotonicMs();
    let window = this.#windows[refusal] ?? null;
    if (window === null || nowMs >= window.endsAtMs) {
      this.#finish(refusal, window);
      window = { endsAtMs: nowMs + windowMs, loggedCount: 0, unloggedCount: 0 };
      this.#windows[refusal] = window;
    }
    if (window.loggedCount === loggedMax) {
      window.unloggedCount++;
      return;
    }
    window.loggedCount++;
    this.#log.warn(text, { code, ...fields });
  }

  /** Says how many were not logged, once their time is over. */
  sweep(nowMs: number): void {
    for (const [refusal, window] of this.#windows.entries()) {
      if (window === null || nowMs < window.endsAtMs) continue;
      this.#finish(refusal as Refusal, window);
      this.#windows[refusal] = null;
    }
  }

  #finish(refusal: Refusal, window: Window | null): void {
    if (window === null || window.unloggedCount === 0) return;
    const { code, text } = refusalRows[refusal] as RefusalRow;
    this.#log.warn(`${text}: more of the same`, { code, count: window.unloggedCount });
  }
}
