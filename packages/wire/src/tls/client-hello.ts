// The first message of a TLS client, read to choose a filter chain without ending TLS (RFC 8446
// §4.1.2, RFC 6066 §3, RFC 7301 §3.1; http-cases H54). It may span records and segments: the bytes
// that have come so far are given each time, nothing is kept.

const statuses = {
  /** It is not whole yet. */
  More: 0,
  Done: 1,
  /** These bytes do not start TLS. */
  NotTls: 2,
  Malformed: 3,
  /** It is larger than any sane one. */
  TooLarge: 4,
} as const;

export const HelloStatus: typeof statuses = Object.freeze(statuses);
export type HelloStatus = (typeof HelloStatus)[keyof typeof HelloStatus];

/** What a listener decides by. */
export class ClientHello {
  /** Lower-case host of the SNI extension, "" without. */
  serverName = "";
  /** Protocols the client offers by ALPN, in its order. */
  protocols: string[] = [];
  /** Versions it offers: 0x0304 is TLS 1.3. */
  versions: number[] = [];
}

/** All that is buffered before a verdict. */
export const clientHelloBytesMax: number = 16 * 1024;

const handshakeRecord = 0x16;
const clientHelloType = 1;
const recordHeadBytes = 5;
const handshakeHeadBytes = 4;
const recordBytesMax = 16 * 1024;
const extensionServerName = 0;
const extensionAlpn = 16;
const extensionVersions = 43;

/** Reads the hello at the start of `bytes`, which are all that came, into `hello`. */
export function readClientHello(bytes: Buffer, hello: ClientHello): HelloStatus {
  if (bytes.length === 0) return HelloStatus.More;
  if (bytes[0] !== handshakeRecord) return HelloStatus.NotTls;
  if (bytes.length > 1 && bytes[1] !== 3) return HelloStatus.NotTls;
  let message: Buffer | null = null;
  let wanted = handshakeHeadBytes;
  let at = 0;
  for (;;) {
    if (bytes.length - at < recordHeadBytes) return needsMore(bytes, wanted);
    if (bytes[at] !== handshakeRecord || bytes[at + 1] !== 3) return HelloStatus.Malformed;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > recordBytesMax) return HelloStatus.Malformed;
    const start = at + recordHeadBytes;
    const end = Math.min(bytes.length, start + length);
    const piece = bytes.subarray(start, end);
    message = message === null ? piece : Buffer.concat([message, piece]);
    if (message.length > 0 && message[0] !== clientHelloType) return HelloStatus.Malformed;
    if (message.length >= handshakeHeadBytes) {
      wanted = handshakeHeadBytes + message.readUIntBE(1, 3);
      if (wanted > clientHelloBytesMax) return HelloStatus.TooLarge;
      if (message.length >= wanted) return readHello(message.subarray(4, wanted), hello);
    }
    if (end < start + length) return needsMore(bytes, wanted);
    at = end;
  }
}

function needsMore(bytes: Buffer, wanted: number): HelloStatus {
  const isTooLarge = bytes.length >= clientHelloBytesMax || wanted > clientHelloBytesMax;
  return isTooLarge ? HelloStatus.TooLarge : HelloStatus.More;
}

/** Reads vectors behind lengths; what does not fit makes all further reads empty. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;
  isBroken = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(width: number): number {
    if (this.#at + width > this.#bytes.length) {
      this.isBroken = true;
      return 0;
    }
    const value = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    return value;
  }

  take(length: number): Buffer {
    const start = this.#at;
    if (start + length > this.#bytes.length) {
      this.isBroken = true;
      return Buffer.alloc(0);
    }
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A vector whose length stands before it in `width` bytes. */
  vector(width: number): Buffer {
    return this.take(this.number(width));
  }
}

function readHello(body: Buffer, hello: ClientHello): HelloStatus {
  const cursor = new Cursor(body);
  const legacyVersion = cursor.number(2);
  cursor.take(32);
  const session = cursor.vector(1);
  const suites = cursor.vector(2);
  const compressions = cursor.vector(1);
  const isFramed = session.length <= 32 && suites.length >= 2 && suites.length % 2 === 0;
  if (cursor.isBroken || !isFramed || compressions.length === 0) return HelloStatus.Malformed;
  hello.serverName = "";
  hello.protocols = [];
  hello.versions = [legacyVersion];
  // TLS 1.2 and older may leave the extensions out.
  if (cursor.isAtEnd) return HelloStatus.Done;
  const extensions = new Cursor(cursor.vector(2));
  if (cursor.isBroken || !cursor.isAtEnd) return HelloStatus.Malformed;
  const seen = new Set<number>();
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const data = extensions.vector(2);
    // RFC 8446 §4.2: no type twice.
    if (extensions.isBroken || seen.has(type)) return HelloStatus.Malformed;
    seen.add(type);
    if (!readExtension(type, data, hello)) return HelloStatus.Malformed;
  }
  return HelloStatus.Done;
}

function readExtension(type: number, data: Buffer, hello: ClientHello): boolean {
  switch (type) {
    case extensionServerName:
      return readServerName(data, hello);
    case extensionAlpn:
      return readProtocols(data, hello);
    case extensionVersions:
      return readVersions(data, hello);
    default:
      return true;
  }
}

/** One name of type host_name (RFC 6066 §3): letters, digits, hyphens, underscores and dots. */
function readServerName(data: Buffer, hello: ClientHello): boolean {
  const outer = new Cursor(data);
  const list = new Cursor(outer.vector(2));
  const type = list.number(1);
  const name = list.vector(2).toString("latin1");
  if (outer.isBroken || !outer.isAtEnd || list.isBroken || !list.isAtEnd) return false;
  if (type !== 0 || name.length > 253 || !/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(name)) {
    return false;
  }
  hello.serverName = name.toLowerCase();
  return true;
}

function readProtocols(data: Buffer, hello: ClientHello): boolean {
  const outer = new Cursor(data);
  const list = new Cursor(outer.vector(2));
  if (outer.isBroken || !outer.isAtEnd || list.isAtEnd) return false;
  while (!list.isAtEnd) {
    const protocol = list.vector(1);
    if (list.isBroken || protocol.length === 0) return false;
    hello.protocols.push(protocol.toString("latin1"));
  }
  return true;
}

function readVersions(data: Buffer, hello: ClientHello): boolean {
  const outer = new Cursor(data);
  const list = new Cursor(outer.vector(1));
  if (outer.isBroken || !outer.isAtEnd || list.isAtEnd) return false;
  hello.versions = [];
  while (!list.isAtEnd) {
    hello.versions.push(list.number(2));
    if (list.isBroken) return false;
  }
  return true;
}
