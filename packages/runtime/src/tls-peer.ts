// Whose certificate the other end of a TLS connection has shown. Asked for it, Node copies and
// decodes the peer's whole chain for each connection; but the session has the leaf's own bytes,
// and what they say never changes, so each certificate is read once (docs/decisions/0053). Whether
// it is to be trusted is decided by OpenSSL in each handshake and never kept here.

import { hash, X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

export interface PeerCertificate {
  /** The one URI SAN, or "" when there is not exactly one. */
  readonly spiffeId: string;
  /** SHA-256 of the certificate, lower-case hex. */
  readonly hash: string;
  /** When it ends. */
  readonly validUntilMs: number;
}

/** Peers of one thread; the oldest makes room. */
const knownMax = 1024;
const known = new Map<string, PeerCertificate>();

/** Null without a certificate. A resumed session still has the one it began with. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | null {
  const session = socket.getSession();
  const der = session === undefined ? null : certificateIn(session);
  const leaf = der ?? socket.getPeerX509Certificate()?.raw;
  return leaf === undefined ? null : readCertificate(leaf);
}

function readCertificate(der: Buffer): PeerCertificate {
  const digest = hash("sha256", der, "hex");
  const seen = known.get(digest);
  if (seen !== undefined) return seen;
  const { subjectAltName, validToDate } = new X509Certificate(der);
  const read: PeerCertificate = {
    spiffeId: uriOf(subjectAltName ?? ""),
    hash: digest,
    validUntilMs: validToDate.getTime(),
  };
  if (known.size >= knownMax) known.delete(known.keys().next().value as string);
  known.set(digest, read);
  return read;
}

/** An X.509-SVID has exactly one URI SAN (SPIFFE X.509-SVID §2); anything else is no identity. */
export function uriOf(subjectAltName: string): string {
  let found = "";
  for (const part of subjectAltName.split(", ")) {
    if (!part.startsWith("URI:")) continue;
    if (found !== "") return "";
    found = part.slice(4);
  }
  return found;
}

const sequenceTag = 0x30;
/** Element 3 of OpenSSL's SSL_SESSION is the peer's certificate (i2d_SSL_SESSION(3)). */
const peerTag = 0xa3;

/** The peer's certificate in a session as OpenSSL writes it, DER; null where there is none. */
export function certificateIn(session: Buffer): Buffer | null {
  const whole = elementAt(session, 0);
  if (whole === null || session[0] !== sequenceTag) return null;
  for (let at = whole.from; at < whole.to; ) {
    const element = elementAt(session, at);
    if (element === null) return null;
    if (session[at] === peerTag) {
      return session[element.from] === sequenceTag
        ? session.subarray(element.from, element.to)
        : null;
    }
    at = element.to;
  }
  return null;
}

/** Where the content of the element stands that begins at `at` (X.690 §8.1); null if cut off. */
function elementAt(der: Buffer, at: number): { from: number; to: number } | null {
  const first = der[at + 1];
  if (first === undefined) return null;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + lengthBytes;
  if (lengthBytes > 4 || from > der.length) return null;
  const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
  return from + length > der.length ? null : { from, to: from + length };
}
