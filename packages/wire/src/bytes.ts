// Bytes of the HTTP grammar: the few that have names, one table per character class, comparison
// without strings. Tables are indexed by byte, so a class costs one load in the hot loops (RFC 9110
// §5.5, §5.6.2; RFC 5234 B.1).

export const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const PERCENT = 0x25;
export const ASTERISK = 0x2a;
export const COMMA = 0x2c;
export const HYPHEN = 0x2d;
export const DOT = 0x2e;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const QUESTION = 0x3f;
export const UNDERSCORE = 0x5f;

/** Lower-case byte of a token character, 0 for every other byte (tchar, RFC 9110 §5.6.2). */
export const tokenFold: Uint8Array = new Uint8Array(256);
/** 1 for the bytes a field value may hold: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5). */
export const fieldContent: Uint8Array = new Uint8Array(256);
/** Value of a hexadecimal digit, -1 for every other byte. */
export const hexValue: Int8Array = new Int8Array(256).fill(-1);

for (const sign of "!#$%&'*+-.^_`|~") tokenFold[sign.charCodeAt(0)] = sign.charCodeAt(0);
for (let i = 0; i < 26; i++) {
  tokenFold[0x41 + i] = 0x61 + i;
  tokenFold[0x61 + i] = 0x61 + i;
}
for (let i = 0; i < 10; i++) {
  tokenFold[0x30 + i] = 0x30 + i;
  hexValue[0x30 + i] = i;
}
for (let i = 0; i < 6; i++) {
  hexValue[0x41 + i] = 10 + i;
  hexValue[0x61 + i] = 10 + i;
}
fieldContent.fill(1, SP);
fieldContent[0x7f] = 0;
fieldContent[TAB] = 1;

/** The byte at `at`, which the caller knows to be inside. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

/** Whether [start, end) is `text`, byte for byte. */
export function equalsText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether [start, end) is the lower-case token `text`, in any case. */
export function equalsToken(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (tokenFold[byteAt(bytes, start + i)] !== text.charCodeAt(i)) return false;
  }
  return true;
}

interface Latin1Buffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number, length: number): number;
}

/**
 * [start, end) as a string, one character a byte. `latin1Slice` skips `toString`'s look at its
 * arguments.
 */
export function latin1Text(bytes: Buffer, start: number, end: number): string {
  return (bytes as Latin1Buffer).latin1Slice(start, end);
}

/** Writes the low byte of each character of `text` at `at`. */
export function writeLatin1(bytes: Buffer, text: string, at: number): void {
  (bytes as Latin1Buffer).latin1Write(text, at, text.length);
}

/** [start, end) without a copy, and without a new view when that is the whole. */
export function viewOf(bytes: Buffer, start: number, end: number): Buffer {
  return start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
}
