// What a connection speaks, from its first bytes: a TLS record, HTTP/2 by prior knowledge,
// HTTP/1, or something else.

const spoken = { Tls: 0, Http2: 1, Http1: 2, Other: 3, Unclear: 4 } as const;
export const Spoken: typeof spoken = Object.freeze(spoken);
export type Spoken = (typeof Spoken)[keyof typeof Spoken];

/** First byte of a TLS handshake record (RFC 8446 §5.1). */
const handshakeRecord = 0x16;
/** Enough of the preface of HTTP/2 (RFC 9113 §3.4) to take it for nothing else. */
const prefaceStart = "PRI * HTTP/2.0\r\n";
const methodBytesMax = 32;
const lineBytesMax = 256;

/** `Unclear` asks for more bytes; it is never the answer from 33 bytes on. */
export function detect(bytes: Buffer): Spoken {
  const first = bytes[0];
  if (first === undefined) return Spoken.Unclear;
  if (first === handshakeRecord) return Spoken.Tls;
  const shown = bytes.toString("latin1", 0, prefaceStart.length);
  if (shown === prefaceStart) return Spoken.Http2;
  if (prefaceStart.startsWith(shown)) return Spoken.Unclear;
  return detectMethod(bytes);
}

/**
 * Whether the first line, if it is here, has the form of a request line and names another protocol
 * than HTTP: nobody who speaks HTTP/1 says that, so it is taken for a broken preface of HTTP/2,
 * which is answered by GOAWAY (RFC 9113 §3.4).
 */
export function isBrokenPreface(bytes: Buffer): boolean {
  const line = /^[A-Z]+ [^ \r\n]+ ([^ \r\n]+)\r\n/.exec(bytes.toString("latin1", 0, lineBytesMax));
  return line !== null && !/^http\//i.test(line[1] as string);
}

/** A method is letters followed by a space (RFC 9112 §3.1); a leading line end is forgiven. */
function detectMethod(bytes: Buffer): Spoken {
  let at = 0;
  while (at < 2 && (bytes[at] === 0x0d || bytes[at] === 0x0a)) at++;
  const end = Math.min(bytes.length, at + methodBytesMax);
  for (let i = at; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === 0x20) return i > at ? Spoken.Http1 : Spoken.Other;
    const isLetter = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
    if (!isLetter && byte !== 0x2d && byte !== 0x5f) return Spoken.Other;
  }
  return bytes.length >= at + methodBytesMax ? Spoken.Other : Spoken.Unclear;
}
