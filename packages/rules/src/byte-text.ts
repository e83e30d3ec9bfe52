// Header text as the wire has it: one character per byte. Configuration is Unicode; what goes into
// a header or is compared with one is turned into the characters of its UTF-8 bytes once, when it
// is compiled.

import type { Scope } from "./scope.ts";

export function byteText(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, "utf8").toString("latin1");
  }
  return text;
}

/** For a target or an authority: nothing that ends the one or the line (http-cases H33). */
export function targetText(text: string, scope: Scope): string {
  if (/[\p{Cc} ]/u.test(text)) scope.refuse("holds a blank or a control character");
  return byteText(text);
}
