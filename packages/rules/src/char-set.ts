// Sets of characters as sorted, disjoint ranges [from, to, from, to, …] of code points, both ends
// included.

export type CharSet = readonly number[];

export const codePointMax = 0x10ffff;

export const digits: CharSet = [0x30, 0x39];
export const wordChars: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
/** RE2's `\s`: no vertical tab, nothing beyond ASCII. */
export const spaces: CharSet = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20];
export const anyChar: CharSet = [0, codePointMax];
export const notNewline: CharSet = [0, 0x09, 0x0b, codePointMax];

/** The classes of POSIX that RE2 knows, by name. */
export const posixClasses: ReadonlyMap<string, CharSet> = new Map<string, CharSet>([
  ["alnum", [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a]],
  ["alpha", [0x41, 0x5a, 0x61, 0x7a]],
  ["ascii", [0, 0x7f]],
  ["blank", [0x09, 0x09, 0x20, 0x20]],
  ["cntrl", [0, 0x1f, 0x7f, 0x7f]],
  ["digit", digits],
  ["graph", [0x21, 0x7e]],
  ["lower", [0x61, 0x7a]],
  ["print", [0x20, 0x7e]],
  ["punct", [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e]],
  ["space", [0x09, 0x0d, 0x20, 0x20]],
  ["upper", [0x41, 0x5a]],
  ["word", wordChars],
  ["xdigit", [0x30, 0x39, 0x41, 0x46, 0x61, 0x66]],
]);

/** Any ranges, in any order, as a set. */
export function charSet(ranges: readonly number[]): CharSet {
  const pairs: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    pairs.push([ranges[i] as number, ranges[i + 1] as number]);
  }
  pairs.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [from, to] of pairs) {
    const last = out.length - 1;
    if (last > 0 && from <= (out[last] as number) + 1) {
      out[last] = Math.max(out[last] as number, to);
    } else {
      out.push(from, to);
    }
  }
  return out;
}

export function complement(set: CharSet): CharSet {
  const out: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    const from = set[i] as number;
    if (from > next) out.push(next, from - 1);
    next = (set[i + 1] as number) + 1;
  }
  if (next <= codePointMax) out.push(next, codePointMax);
  return out;
}

export function intersects(a: CharSet, b: CharSet): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if ((a[i + 1] as number) < (b[j] as number)) i += 2;
    else if ((b[j + 1] as number) < (a[i] as number)) j += 2;
    else return true;
  }
  return false;
}

/**
 * The set with both cases of its ASCII letters, and the two letters beyond ASCII that Unicode folds
 * to ASCII ones (U+017F to s, U+212A to k); null for a set with other characters beyond ASCII,
 * whose folding is left to RE2.
 */
export function foldCase(set: CharSet): CharSet | null {
  const out = [...set];
  for (let i = 0; i < set.length; i += 2) {
    const from = set[i] as number;
    const to = set[i + 1] as number;
    if (to > 0x7f) return null;
    for (let char = Math.max(from, 0x41); char <= Math.min(to, 0x5a); char++) {
      out.push(char + 32, char + 32);
    }
    for (let char = Math.max(from, 0x61); char <= Math.min(to, 0x7a); char++) {
      out.push(char - 32, char - 32);
    }
  }
  const folded = charSet(out);
  if (contains(folded, 0x73)) out.push(0x17f, 0x17f);
  if (contains(folded, 0x6b)) out.push(0x212a, 0x212a);
  return charSet(out);
}

function contains(set: CharSet, char: number): boolean {
  for (let i = 0; i < set.length; i += 2) {
    if (char >= (set[i] as number) && char <= (set[i + 1] as number)) return true;
  }
  return false;
}
