// Label selectors: `app=web,tier in (a, b),!old`. Syntax as
// https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#api.

import { badRequest } from "./status.ts";

type Labels = Readonly<Record<string, string>>;

type Requirement =
  | { readonly type: "in"; readonly key: string; readonly values: ReadonlySet<string> }
  | { readonly type: "not-in"; readonly key: string; readonly values: ReadonlySet<string> }
  | { readonly type: "exists"; readonly key: string }
  | { readonly type: "absent"; readonly key: string }
  | { readonly type: "above" | "below"; readonly key: string; readonly bound: number };

export type LabelMatch = (labels: Labels | undefined) => boolean;

/** Null for the empty selector, which matches everything. Throws 400. */
export function parseLabelSelector(text: string): LabelMatch | null {
  if (text.trim() === "") return null;
  const requirements = splitTerms(text).map((term) => parseTerm(term.trim(), text));
  return (labels = {}) => requirements.every((requirement) => holds(requirement, labels));
}

/** Splits at commas outside parentheses. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let depth = 0;
  let term = "";
  for (const character of text) {
    if (character === "(") depth++;
    if (character === ")") depth--;
    if (character === "," && depth === 0) {
      terms.push(term);
      term = "";
    } else term += character;
  }
  return [...terms, term];
}

const keyPattern = "((?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)";
const existsPattern = new RegExp(`^(!?)\\s*${keyPattern}$`);
const setPattern = new RegExp(`^${keyPattern}\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const equalPattern = new RegExp(`^${keyPattern}\\s*(==|=|!=|>|<)\\s*(.*)$`);
const valuePattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?$/;

function parseTerm(term: string, whole: string): Requirement {
  const exists = existsPattern.exec(term);
  if (exists !== null) {
    const [, not = "", key = ""] = exists;
    return { type: not === "" ? "exists" : "absent", key };
  }
  const set = setPattern.exec(term);
  if (set !== null) {
    const [, key = "", operator = "", list = ""] = set;
    const values = list.split(",").map((value) => checkValue(value.trim(), whole));
    return { type: operator === "in" ? "in" : "not-in", key, values: new Set(values) };
  }
  const equal = equalPattern.exec(term);
  if (equal === null) throw refuse(whole, `"${term}" is not a requirement`);
  const [, key = "", operator = "", value = ""] = equal;
  if (operator === ">" || operator === "<") {
    if (!/^-?\d+$/.test(value)) throw refuse(whole, `"${value}" is not an integer`);
    return { type: operator === ">" ? "above" : "below", key, bound: Number(value) };
  }
  const values = new Set([checkValue(value, whole)]);
  return { type: operator === "!=" ? "not-in" : "in", key, values };
}

function checkValue(value: string, whole: string): string {
  if (!valuePattern.test(value)) throw refuse(whole, `"${value}" is not a label value`);
  return value;
}

function refuse(selector: string, why: string): Error {
  return badRequest(`unable to parse labelSelector "${selector}": ${why}`);
}

function holds(requirement: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
  switch (requirement.type) {
    case "in":
      return value !== undefined && requirement.values.has(value);
    case "not-in":
      return value === undefined || !requirement.values.has(value);
    case "exists":
      return value !== undefined;
    case "absent":
      return value === undefined;
    case "above":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) > requirement.bound;
    case "below":
      return value !== undefined && /^-?\d+$/.test(value) && Number(value) < requirement.bound;
  }
}
