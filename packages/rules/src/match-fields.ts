// Headers and query parameters of a request against a route's matchers, with Envoy's meaning (that
// of 1.40): of a repeated header each value may match, and all of them joined by a comma; a missing
// header never matches (unless it counts as empty); of repeated parameters the first counts, and
// parameters are compared as they are written, without decoding.

import type { RequestView } from "./match.ts";
import type { HeaderMatchRow, QueryMatchRow, TextMatchRow } from "./tables.ts";

export function matchesHeader(row: HeaderMatchRow, request: RequestView): boolean {
  const value = fieldValue(request, row.name);
  if (row.text.kind === "present") return (value !== null) !== row.invert;
  if (value === null && !row.missingIsEmpty) return false;
  const isMatch =
    matchesText(row.text, value ?? "") ||
    (value?.includes(",") === true && matchesOneOf(row, request));
  return isMatch !== row.invert;
}

/** One of the values of a repeated header. */
function matchesOneOf({ name, text }: HeaderMatchRow, { headers }: RequestView): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name && matchesText(text, headers[i + 1] as string)) return true;
  }
  return false;
}

export function matchesQuery(row: QueryMatchRow, query: string): boolean {
  const value = queryValue(query, row.name);
  if (row.text.kind === "present") return (value !== null) === row.present;
  return value !== null && matchesText(row.text, value);
}

function matchesText(row: TextMatchRow, value: string): boolean {
  const text = row.ignoreCase ? value.toLowerCase() : value;
  switch (row.kind) {
    case "exact":
      return text === row.value;
    case "prefix":
      return text.startsWith(row.value);
    case "suffix":
      return text.endsWith(row.value);
    case "contains":
      return text.includes(row.value);
    case "regex":
      return row.regex?.matches(value) ?? false;
    case "range":
      return isInRange(value, row.from, row.to);
    case "present":
      return true;
  }
}

function isInRange(value: string, from: number, to: number): boolean {
  if (!/^[+-]?[0-9]{1,19}$/.test(value)) return false;
  const number = Number(value);
  return number >= from && number < to;
}

/**
 * A field's values joined by a comma, or a part of the request line for names with a colon; null:
 * none.
 */
export function fieldValue(request: RequestView, name: string): string | null {
  switch (name) {
    case ":method":
      return request.method;
    case ":authority":
    case "host":
      return request.authority;
    case ":path":
      return request.path + request.query;
    case ":scheme":
      return request.scheme === "" ? "http" : request.scheme;
  }
  const { headers } = request;
  let joined: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name) continue;
    const value = headers[i + 1] as string;
    joined = joined === null ? value : `${joined},${value}`;
  }
  return joined;
}

/**
 * The first parameter of that name, as written; "" when it has no value; null when it is not there.
 */
function queryValue(query: string, name: string): string | null {
  for (let at = 1; at <= query.length; ) {
    const amp = query.indexOf("&", at);
    const end = amp < 0 ? query.length : amp;
    if (query.startsWith(name, at)) {
      const after = at + name.length;
      if (after === end) return "";
      if (after < end && query.charCodeAt(after) === 0x3d) return query.slice(after + 1, end);
    }
    at = end + 1;
  }
  return null;
}
