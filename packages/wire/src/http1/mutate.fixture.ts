// Makes hostile bytes out of good ones, for fuzzing: a few random edits, many of them with words
// that mean something to a parser.

/** What fuzzing needs of chance; the seeded generator of `runtime` has this shape. */
export interface Chance {
  integer(below: number): number;
}

/**
 * Small, fast, good enough to pick mutations; the same every time. For tests, which import no
 * runtime.
 */
export function seededChance(seed: number): Chance {
  let word = seed;
  return {
    integer(below) {
      word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
      return below <= 1 ? 0 : Math.floor((word / 4294967296) * below);
    },
  };
}

const words: readonly string[] = [
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "%",
  "/",
  "//",
  "/../",
  "#",
  "\\",
  "@",
  "[",
  "\x7f",
  "\xff",
  "\xa0",
  "_",
  "0",
  "1",
  "9",
  "f",
  "-",
  "+",
  "0x",
  '"',
  "=",
  "%2f",
  "%00",
  "%0d%0a",
  "%c0%af",
  "*",
  "close",
  "chunked",
  "identity",
  "trailers",
  "upgrade",
  "websocket",
  "100-continue",
  "HTTP/1.0",
  "HTTP/1.1",
  "HTTP/2.0",
  "GET ",
  "CONNECT ",
  "http://a",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  ";a=b",
  ';a="b"',
  "Host: a\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close\r\n",
  "Connection: host\r\n",
  "Connection: x-hop\r\n",
  "X-Hop: 1\r\n",
  "Expect: 100-continue\r\n",
  "Upgrade: websocket\r\n",
  "Keep-Alive: timeout=5\r\n",
  "x_y: z\r\n",
  " folded\r\n",
];

const mutationsMax = 5;

/** `text` (one character a byte) after up to a few edits; sometimes unchanged. */
export function mutate(chance: Chance, text: string): string {
  let out = text;
  for (let left = chance.integer(mutationsMax); left > 0; left--) out = edit(chance, out);
  return out;
}

function edit(chance: Chance, text: string): string {
  const at = chance.integer(text.length + 1);
  const to = Math.min(text.length, at + chance.integer(12));
  const before = text.slice(0, at);
  switch (chance.integer(7)) {
    case 0:
      return before + String.fromCharCode(chance.integer(256)) + text.slice(at + 1);
    case 1:
      return before + text.slice(to);
    case 2:
      return before + text.slice(at, to) + text.slice(at);
    case 3:
      return before;
    case 4: {
      // A whole line again, somewhere else.
      const from = text.lastIndexOf("\n", chance.integer(text.length + 1)) + 1;
      return before + text.slice(from, text.indexOf("\n", from) + 1) + text.slice(at);
    }
    default:
      return before + (words[chance.integer(words.length)] as string) + text.slice(at);
  }
}

/** Sorted offsets at which to cut `length` bytes: none, a few, or all of them. */
export function cuts(chance: Chance, length: number): number[] {
  if (length < 2) return [];
  if (chance.integer(32) === 0) return Array.from({ length: length - 1 }, (_, at) => at + 1);
  const offsets: number[] = [];
  let at = 0;
  for (let left = 1 + chance.integer(4); left > 0; left--) {
    at += 1 + chance.integer(Math.max(1, (2 * length) / (left + 2)));
    if (at >= length) break;
    offsets.push(Math.floor(at));
  }
  return offsets;
}
