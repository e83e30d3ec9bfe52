// Path normalisation (RFC 3986 §6.2.2, http-cases H28): what is matched, authorized and forwarded
// are the same bytes, so no spelling of a path gets past a rule written for another.

import { hexValue } from "../bytes.ts";

/**
 * What becomes of %2f, %5c and %2e, which upstreams decode differently: refused, kept as they are,
 * or decoded (a caller that decodes should redirect to the result).
 */
export type EncodedSeparators = "reject" | "keep" | "decode";

/**
 * The path that is matched and forwarded; null when it must be refused with 400. Needed escapes get
 * upper-case digits, needless ones are decoded, dot segments are resolved (none leads above the
 * root), then runs of slashes merged.
 */
export function normalizePath(path: string, policy: EncodedSeparators): string | null {
  if (path === "*") return path;
  if (path.charCodeAt(0) !== 0x2f || path.includes("\\")) return null;
  const decoded = path.includes("%") ? normalizeEscapes(path, policy) : path;
  return decoded === null ? null : resolveSegments(decoded);
}

function normalizeEscapes(path: string, policy: EncodedSeparators): string | null {
  let out = "";
  let from = 0;
  for (;;) {
    const at = path.indexOf("%", from);
    if (at === -1) return out + path.slice(from);
    const high = hexValue[path.charCodeAt(at + 1)] ?? -1;
    const low = hexValue[path.charCodeAt(at + 2)] ?? -1;
    if (high < 0 || low < 0) return null;
    const piece = escapeOf(high * 16 + low, path.slice(at, at + 3), policy);
    if (piece === null) return null;
    out += path.slice(from, at) + piece;
    from = at + 3;
  }
}

/** What stands for one escape: itself in upper case, or the character it need not have hidden. */
function escapeOf(value: number, escape: string, policy: EncodedSeparators): string | null {
  if (value === 0x2f || value === 0x5c || value === 0x2e) {
    if (policy === "reject") return null;
    if (policy === "keep") return escape.toUpperCase();
    return value === 0x2e ? "." : "/";
  }
  return isUnreserved(value) ? String.fromCharCode(value) : escape.toUpperCase();
}

/** ALPHA / DIGIT / "-" / "_" / "~" (RFC 3986 §2.3); "." is for the caller to decide. */
function isUnreserved(value: number): boolean {
  if (value >= 0x30 && value <= 0x39) return true;
  const lower = value | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return true;
  return value === 0x2d || value === 0x5f || value === 0x7e;
}

/**
 * Removes `.` and `..` segments (RFC 3986 §5.2.4), then empty ones but the last; null when `..`
 * leads above the root, which the RFC forgives and only those ask for who look for files there.
 */
function resolveSegments(path: string): string | null {
  if (!path.includes("/.") && !path.includes("//")) return path;
  const kept: string[] = [];
  const segments = path.split("/");
  const last = segments[segments.length - 1];
  // Counted without empty segments: a reader that merges slashes first must not get above either.
  let depth = 0;
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i] as string;
    if (segment === "..") {
      kept.pop();
      if (--depth < 0) return null;
    } else if (segment !== ".") {
      kept.push(segment);
      if (segment !== "") depth++;
    }
  }
  // A path that ends in a dot segment names a folder.
  if (last === "." || last === "..") kept.push("");
  const isFolder = kept[kept.length - 1] === "";
  const named = kept.filter((segment) => segment !== "");
  return named.length === 0 ? "/" : `/${named.join("/")}${isFolder ? "/" : ""}`;
}
