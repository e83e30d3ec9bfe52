// What a route asks of a request: `RouteMatch`, `HeaderMatcher`, `QueryParameterMatcher` and
// `StringMatcher` of Envoy v3.

import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RouteMatch,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { RegexMatcher } from "@weft/xds/messages/envoy/type/matcher/v3/regex.js";
import type { StringMatcher } from "@weft/xds/messages/envoy/type/matcher/v3/string.js";
import { byteText } from "./byte-text.ts";
import { compileRegex, Pattern } from "./regex.ts";
import type { Scope } from "./scope.ts";
import {
  HeaderMatchRow,
  type PathMatchKind,
  QueryMatchRow,
  RouteMatchRow,
  type TextMatchKind,
  TextMatchRow,
} from "./tables.ts";

const matchFields: ReadonlySet<string> = new Set([
  "pathSpecifier",
  "caseSensitive",
  "headers",
  "queryParameters",
]);

export function compileMatch(message: RouteMatch, scope: Scope): RouteMatchRow | null {
  scope.refuseOthers(message, matchFields);
  const ignoreCase = message.caseSensitive === false;
  const path = compilePath(message.pathSpecifier, ignoreCase, scope);
  const headers: HeaderMatchRow[] = [];
  let method: string | null = null;
  for (const [i, matcher] of message.headers.entries()) {
    const row = compileHeaderMatch(matcher, scope.item("headers", i));
    if (row === null) continue;
    if (method === null && isPlainMethod(row)) method = row.text.value;
    else headers.push(row);
  }
  const query: QueryMatchRow[] = [];
  for (const [i, matcher] of message.queryParameters.entries()) {
    const row = compileQueryMatch(matcher, scope.item("query_parameters", i));
    if (row !== null) query.push(row);
  }
  if (path === null) return null;
  return new RouteMatchRow({ ...path, method, headers, query });
}

interface PathFields {
  readonly path: PathMatchKind;
  readonly value: string;
  readonly ignoreCase: boolean;
  readonly regex: Pattern | null;
}

function compilePath(
  specifier: RouteMatch["pathSpecifier"],
  ignoreCase: boolean,
  scope: Scope,
): PathFields | null {
  switch (specifier?.$case) {
    case "prefix":
      return plainPath("prefix", specifier.prefix, ignoreCase);
    case "path":
      return plainPath("exact", specifier.path, ignoreCase);
    case "pathSeparatedPrefix": {
      const prefix = specifier.pathSeparatedPrefix;
      if (!/^[^?#]+[^?#/]$/.test(prefix)) {
        return scope.at("path_separated_prefix").refuse("must not end with / or contain ? or #");
      }
      return plainPath("segment-prefix", prefix, ignoreCase);
    }
    case "safeRegex": {
      const regex = compilePattern(specifier.safeRegex, scope.at("safe_regex"));
      if (regex === null) return null;
      return { path: "regex", value: regex.text, ignoreCase: false, regex };
    }
    case "connectMatcher":
      return { path: "connect", value: "", ignoreCase: false, regex: null };
    case undefined:
      return scope.at("path_specifier").refuse("is missing");
    default:
      return scope.at("path_match_policy").refuse("not supported by the built-in proxy");
  }
}

function plainPath(path: PathMatchKind, text: string, ignoreCase: boolean): PathFields {
  const value = byteText(ignoreCase ? text.toLowerCase() : text);
  return { path, value, ignoreCase, regex: null };
}

function isPlainMethod(row: HeaderMatchRow): boolean {
  return (
    row.name === ":method" &&
    row.text.kind === "exact" &&
    !row.text.ignoreCase &&
    !row.invert &&
    !row.missingIsEmpty
  );
}

function compileHeaderMatch(message: HeaderMatcher, scope: Scope): HeaderMatchRow | null {
  if (message.name === "") return scope.at("name").refuse("is missing");
  const text = headerText(message.headerMatchSpecifier, scope);
  if (text === null) return null;
  const specifier = message.headerMatchSpecifier;
  const wantsAbsence = specifier?.$case === "presentMatch" && !specifier.presentMatch;
  return new HeaderMatchRow({
    name: message.name.toLowerCase(),
    text,
    invert: message.invertMatch !== wantsAbsence,
    missingIsEmpty: message.treatMissingHeaderAsEmpty,
  });
}

function headerText(
  specifier: HeaderMatcher["headerMatchSpecifier"],
  scope: Scope,
): TextMatchRow | null {
  switch (specifier?.$case) {
    case undefined:
    case "presentMatch":
      return textRow("present", "");
    case "stringMatch":
      return compileText(specifier.stringMatch, scope.at("string_match"));
    case "exactMatch":
      return textRow("exact", specifier.exactMatch);
    case "prefixMatch":
      return textRow("prefix", specifier.prefixMatch);
    case "suffixMatch":
      return textRow("suffix", specifier.suffixMatch);
    case "containsMatch":
      return textRow("contains", specifier.containsMatch);
    case "safeRegexMatch":
      return regexRow(specifier.safeRegexMatch, scope.at("safe_regex_match"));
    case "rangeMatch": {
      const { start, end } = specifier.rangeMatch;
      return textRow("range", "", false, null, Number(start), Number(end));
    }
  }
}

function compileQueryMatch(message: QueryParameterMatcher, scope: Scope): QueryMatchRow | null {
  const { name, queryParameterMatchSpecifier: specifier } = message;
  if (name === "") return scope.at("name").refuse("is missing");
  if (specifier?.$case === "stringMatch") {
    const text = compileText(specifier.stringMatch, scope.at("string_match"));
    return text === null ? null : new QueryMatchRow({ name, text, present: true });
  }
  const present = specifier?.presentMatch ?? true;
  return new QueryMatchRow({ name, text: textRow("present", ""), present });
}

function compileText(message: StringMatcher, scope: Scope): TextMatchRow | null {
  const { matchPattern: pattern, ignoreCase } = message;
  switch (pattern?.$case) {
    case "exact":
      return textRow("exact", pattern.exact, ignoreCase);
    case "prefix":
      return textRow("prefix", pattern.prefix, ignoreCase);
    case "suffix":
      return textRow("suffix", pattern.suffix, ignoreCase);
    case "contains":
      return textRow("contains", pattern.contains, ignoreCase);
    case "safeRegex":
      if (ignoreCase)
        return scope.at("ignore_case").refuse("has no effect on a regular expression");
      return regexRow(pattern.safeRegex, scope.at("safe_regex"));
    case "custom":
      return scope.at("custom").refuse("not supported by the built-in proxy");
    case undefined:
      return scope.refuse("says nothing to match");
  }
}

function regexRow(message: RegexMatcher, scope: Scope): TextMatchRow | null {
  const regex = compilePattern(message, scope);
  return regex === null ? null : textRow("regex", regex.text, false, regex);
}

function textRow(
  kind: TextMatchKind,
  text: string,
  ignoreCase = false,
  regex: Pattern | null = null,
  from = 0,
  to = 0,
): TextMatchRow {
  const value = regex !== null ? text : byteText(ignoreCase ? text.toLowerCase() : text);
  return new TextMatchRow({ kind, value, ignoreCase, regex, from, to });
}

export function compilePattern(message: RegexMatcher | undefined, scope: Scope): Pattern | null {
  const text = message?.regex ?? "";
  if (text === "") return scope.at("regex").refuse("is missing");
  const compiled = compileRegex(text);
  return compiled instanceof Pattern ? compiled : scope.at("regex").refuse(compiled.refusal);
}
