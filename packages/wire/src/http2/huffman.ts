// The Huffman code of header compression (RFC 7541 §5.2, appendix B). The code is canonical: the
// lengths of all symbols give the codes. Decoding walks a table by half-bytes, so that each step
// emits at most one symbol (the shortest code has five bits).

/** Symbols by the length of their code; symbols of one length have rising codes. */
const symbolsByLength: Readonly<Record<number, readonly number[]>> = {
  5: codesOf("012aceiost"),
  6: codesOf(" %-./3456789=A_bdfghlmnpru"),
  7: codesOf(":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz"),
  8: codesOf("&*,;XZ"),
  10: codesOf('!"()?'),
  11: codesOf("'+|"),
  12: codesOf("#>"),
  13: codesOf("\0$@[]~"),
  14: codesOf("^}"),
  15: codesOf("<`{"),
  19: [92, 195, 208],
  20: [128, 130, 131, 162, 184, 194, 224, 226],
  21: [153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230],
  22: [
    129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187,
    189, 190, 196, 198, 228, 232, 233,
  ],
  23: [
    1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168,
    174, 175, 180, 182, 183, 188, 191, 197, 231, 239,
  ],
  24: [9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237],
  25: [199, 207, 234, 235],
  26: [192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255],
  27: [
    203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254,
  ],
  28: [
    2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    127, 220, 249,
  ],
  30: [10, 13, 22, 256],
};
/** Means that the string ends; it must never be found inside one. */
const endSymbol = 256;

const codes = new Uint32Array(endSymbol + 1);
const lengths = new Uint8Array(endSymbol + 1);

/**
 * [node * 16 + half-byte]: the next node, with these bits. A walk may end only where at most seven
 * bits of the end symbol, all ones, have been read (RFC 7541 §5.2).
 */
const steps = new Uint32Array(256 * 16);
const EMITS = 0x100;
const FAILS = 0x200;
const MAY_END = 0x400;
const symbolShift = 16;
const startStep = MAY_END;

buildCodes();
buildSteps();

/**
 * Decodes [start, end) into `to`, which must have room for eight bytes for five, and answers the
 * number of bytes; -1 when the string is malformed.
 */
export function decodeHuffman(bytes: Buffer, start: number, end: number, to: Buffer): number {
  let step = startStep;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    step = steps[((step & 0xff) << 4) | (byte >> 4)] as number;
    if ((step & (EMITS | FAILS)) !== 0) {
      if ((step & FAILS) !== 0) return -1;
      to[length++] = step >> symbolShift;
    }
    step = steps[((step & 0xff) << 4) | (byte & 15)] as number;
    if ((step & (EMITS | FAILS)) !== 0) {
      if ((step & FAILS) !== 0) return -1;
      to[length++] = step >> symbolShift;
    }
  }
  return (step & MAY_END) === 0 ? -1 : length;
}

/** Bytes that `text`, one byte a character, has when encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i)] as number;
  return (bits + 7) >> 3;
}

/** Encodes `text` at `at`; answers the position after it. */
export function writeHuffman(bytes: Buffer, text: string, at: number): number {
  let to = at;
  let held = 0;
  let heldBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let code = codes[symbol] as number;
    let length = lengths[symbol] as number;
    if (length > 16) {
      // At most seven bits are held, so that two halves never need more than 32.
      const high = length - 16;
      held = (held << high) | (code >>> 16);
      heldBits += high;
      while (heldBits >= 8) bytes[to++] = held >>> (heldBits -= 8);
      code &= 0xffff;
      length = 16;
    }
    held = (held << length) | code;
    heldBits += length;
    while (heldBits >= 8) bytes[to++] = held >>> (heldBits -= 8);
  }
  if (heldBits > 0) bytes[to++] = (held << (8 - heldBits)) | (0xff >>> heldBits);
  return to;
}

function codesOf(characters: string): number[] {
  return Array.from(characters, (character) => character.charCodeAt(0));
}

function buildCodes(): void {
  let code = 0;
  for (let length = 5; length <= 30; length++) {
    code *= 2;
    for (const symbol of symbolsByLength[length] ?? []) {
      codes[symbol] = code++;
      lengths[symbol] = length;
    }
  }
}

/** A tree of 256 inner nodes first, then what four bits do from each of them. */
function buildSteps(): void {
  /** [node * 2 + bit]: a node, or a symbol as -1 - symbol; 0 while unset. */
  const branches = new Int32Array(2 * 256);
  let nodeCount = 1;
  for (let symbol = 0; symbol <= endSymbol; symbol++) {
    let node = 0;
    for (let bit = (lengths[symbol] as number) - 1; bit > 0; bit--) {
      const branch = node * 2 + (((codes[symbol] as number) >>> bit) & 1);
      if (branches[branch] === 0) branches[branch] = nodeCount++;
      node = branches[branch] as number;
    }
    branches[node * 2 + ((codes[symbol] as number) & 1)] = -1 - symbol;
  }
  // The nodes that one to seven ones lead to, and the start: padding may stop there.
  const mayEnd = new Set<number>([0]);
  for (let bits = 0, node = 0; bits < 7; bits++) {
    node = branches[node * 2 + 1] as number;
    mayEnd.add(node);
  }
  for (let node = 0; node < 256; node++) {
    for (let half = 0; half < 16; half++) {
      steps[node * 16 + half] = stepFrom(branches, node, half, mayEnd);
    }
  }
}

function stepFrom(
  branches: Int32Array,
  start: number,
  half: number,
  mayEnd: ReadonlySet<number>,
): number {
  let node = start;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const next = branches[node * 2 + ((half >> bit) & 1)] as number;
    if (next >= 0) {
      node = next;
      continue;
    }
    const symbol = -1 - next;
    if (symbol === endSymbol) return FAILS;
    emitted = EMITS | (symbol << symbolShift);
    node = 0;
  }
  return node | emitted | (mayEnd.has(node) ? MAY_END : 0);
}
