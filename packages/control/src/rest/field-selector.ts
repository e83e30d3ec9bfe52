// Field selectors: `metadata.name=web,involvedObject.kind!=Service`, over the fields a kind lists
// as selectable. A backslash escapes `,`, `=` and itself.

import type { ApiObject, KindInfo } from "@weft/api";
import { isFields } from "./body.ts";
import { badRequest } from "./status.ts";

export interface FieldMatch {
  matches(object: ApiObject): boolean;
  /** The one name that can match, or null when there may be several. */
  readonly name: string | null;
}

interface Requirement {
  readonly path: string;
  readonly value: string;
  readonly isEqual: boolean;
}

/** Null for the empty selector. Throws 400 for a field the kind does not offer. */
export function parseFieldSelector(info: KindInfo, text: string): FieldMatch | null {
  const terms = splitUnescaped(text).filter((term) => term !== "");
  if (terms.length === 0) return null;
  const requirements = terms.map((term) => parseTerm(term, text));
  const allowed = ["metadata.name", "metadata.namespace", ...info.selectableFields];
  for (const { path } of requirements) {
    if (!allowed.includes(path)) {
      throw badRequest(
        `field label not supported: ${path} (${info.plural} can be selected by ` +
          `${allowed.join(", ")})`,
      );
    }
  }
  const named = requirements.find(({ path, isEqual }) => path === "metadata.name" && isEqual);
  return {
    matches: (object) =>
      requirements.every(
        ({ path, value, isEqual }) => (fieldValue(object, path) === value) === isEqual,
      ),
    name: named?.value ?? null,
  };
}

/** The value at a dotted path as text; absent is the empty text. */
function fieldValue(object: ApiObject, path: string): string {
  let value: unknown = object;
  for (const step of path.split(".")) value = isFields(value) ? value[step] : undefined;
  return value === undefined || value === null ? "" : String(value);
}

function splitUnescaped(text: string): string[] {
  const terms: string[] = [];
  let term = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") {
      term += text.slice(at, at + 2);
      at++;
    } else if (text[at] === ",") {
      terms.push(term);
      term = "";
    } else term += text[at];
  }
  return [...terms, term];
}

function parseTerm(term: string, whole: string): Requirement {
  const match = /^([A-Za-z0-9.[\]_-]+)(==|!=|=)((?:[^\\=]|\\[\\,=])*)$/.exec(term);
  if (match === null) {
    throw badRequest(`invalid field selector "${whole}": can't understand "${term}"`);
  }
  const [, path = "", operator = "", value = ""] = match;
  return { path, isEqual: operator !== "!=", value: value.replaceAll(/\\([\\,=])/g, "$1") };
}
