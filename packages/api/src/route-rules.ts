// What the Gateway API demands of routes of every kind beyond their schemas (there CEL, here code).
// RE2 syntax is checked by whoever passes `regexError`.

import type { Reporter } from "./field-error.ts";
import { GATEWAY_GROUP, type ParentReference } from "./ref.ts";

const MATCHES_MAX = 128;

/** All rules of a route together have a bounded number of matches. */
export function checkMatchCount(
  rules: readonly { readonly matches?: readonly unknown[] }[],
  report: Reporter,
): void {
  const count = rules.reduce((sum, rule) => sum + (rule.matches ?? []).length, 0);
  if (count > MATCHES_MAX)
    report.invalid("", count, `must have at most ${MATCHES_MAX} matches in all`);
}

/** Header demands whose value is a pattern. */
export function checkHeaderPatterns(
  match: { readonly headers?: readonly { type?: string; value: string }[] },
  report: Reporter,
): void {
  (match.headers ?? []).forEach((one, index) => {
    if (one.type !== "RegularExpression") return;
    checkPattern("value", one.value, report.at(`headers[${index}]`));
  });
}

export function checkPattern(field: string, pattern: string, report: Reporter): void {
  const error = report.options.regexError?.(pattern) ?? null;
  if (error !== null)
    report.invalid(field, pattern, `must be a regular expression of RE2: ${error}`);
}

/** Refs to one parent differ by sectionName, and where there are several each has one. */
export function checkParentRefs(refs: readonly ParentReference[], report: Reporter): void {
  const sections = new Map<string, string[]>();
  refs.forEach((ref, index) => {
    const parent = JSON.stringify([
      ref.group ?? GATEWAY_GROUP,
      ref.kind ?? "Gateway",
      ref.namespace ?? "",
      ref.name,
    ]);
    const section = ref.sectionName ?? "";
    const others = sections.get(parent) ?? [];
    if (others.includes(section)) {
      report.duplicate(`[${index}]`, ref);
    } else if (others.length > 0 && (section === "" || others.includes(""))) {
      report.required(`[${index}].sectionName`, "several refs to one parent need it each");
    }
    sections.set(parent, [...others, section]);
  });
}
