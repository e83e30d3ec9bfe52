// Header edits: `HeaderValueOption` and the lists of names to remove. Each level removes before it
// adds, and levels follow each other from the most specific to the least, unless the table says
// otherwise (Envoy, `most_specific_header_mutations_wins`). All levels of a request's way become
// one flat list.

import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction,
} from "@weft/xds/messages/envoy/config/core/v3/base.js";
import { byteText } from "./byte-text.ts";
import type { Scope } from "./scope.ts";
import { HeaderEdit, type HeaderEditAction } from "./tables.ts";

/** One level's edits, for requests and for responses. */
export interface EditLevel {
  readonly request: readonly HeaderEdit[];
  readonly response: readonly HeaderEdit[];
}

export interface EditedMessage {
  readonly requestHeadersToAdd: readonly HeaderValueOption[];
  readonly requestHeadersToRemove: readonly string[];
  readonly responseHeadersToAdd: readonly HeaderValueOption[];
  readonly responseHeadersToRemove: readonly string[];
}

export function compileEdits(message: EditedMessage, scope: Scope): EditLevel {
  return {
    request: compileSide(
      message.requestHeadersToAdd,
      message.requestHeadersToRemove,
      scope,
      "request",
    ),
    response: compileSide(
      message.responseHeadersToAdd,
      message.responseHeadersToRemove,
      scope,
      "response",
    ),
  };
}

/** The edits of all levels in the order they are made; null when there are none. */
export function joinEdits(
  levels: readonly EditLevel[],
  side: keyof EditLevel,
): readonly HeaderEdit[] | null {
  const edits = levels.flatMap((level) => level[side]);
  return edits.length === 0 ? null : edits;
}

function compileSide(
  toAdd: readonly HeaderValueOption[],
  toRemove: readonly string[],
  scope: Scope,
  side: "request" | "response",
): HeaderEdit[] {
  const edits: HeaderEdit[] = [];
  for (const [i, name] of toRemove.entries()) {
    const refusal = refuseHeaderName(name, side);
    if (refusal !== null) scope.item(`${side}_headers_to_remove`, i).refuse(refusal);
    else edits.push(new HeaderEdit("remove", name.toLowerCase(), ""));
  }
  for (const [i, option] of toAdd.entries()) {
    const edit = compileOption(option, side, scope.item(`${side}_headers_to_add`, i));
    if (edit !== null) edits.push(edit);
  }
  return edits;
}

const actions: ReadonlyMap<number, HeaderEditAction> = new Map<number, HeaderEditAction>([
  [HeaderValueOption_HeaderAppendAction.APPEND_IF_EXISTS_OR_ADD, "add"],
  [HeaderValueOption_HeaderAppendAction.ADD_IF_ABSENT, "add-absent"],
  [HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD, "set"],
  [HeaderValueOption_HeaderAppendAction.OVERWRITE_IF_EXISTS, "set-existing"],
]);

/** Null also for an empty value that is not to be kept: Envoy drops it. */
function compileOption(
  option: HeaderValueOption,
  side: "request" | "response",
  scope: Scope,
): HeaderEdit | null {
  const { header, append, appendAction, keepEmptyValue } = option;
  if (header === undefined) return scope.at("header").refuse("is missing");
  const refusal = refuseHeaderName(header.key, side);
  if (refusal !== null) return scope.at("header").refuse(refusal);
  const action = append === undefined ? actions.get(appendAction) : append ? "add" : "set";
  if (action === undefined) return scope.at("append_action").refuse("is unknown");
  const raw = header.value === "" ? header.rawValue.toString("latin1") : byteText(header.value);
  const value = literalValue(raw, scope.at("header"));
  if (value === null || (value === "" && !keepEmptyValue)) return null;
  return new HeaderEdit(action, header.key.toLowerCase(), value);
}

/**
 * A `%` begins a command of Envoy's, which the built-in proxy does not run; `%%` is a percent sign.
 */
function literalValue(text: string, scope: Scope): string | null {
  // Bytes, not characters.
  // oxlint-disable-next-line no-control-regex
  if (/[\0-\x08\x0a-\x1f\x7f]/.test(text))
    return scope.refuse("the value holds a control character");
  if (!text.includes("%")) return text;
  if (text.replaceAll("%%", "").includes("%")) {
    return scope.refuse("commands in header values are not supported by the built-in proxy");
  }
  return text.replaceAll("%%", "%");
}

/** What frames a message is not a header to edit. */
const framing: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Why a header cannot be edited, or null; a request's Host is rewritten by other means. */
export function refuseHeaderName(name: string, side: "request" | "response"): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    return `${JSON.stringify(name)} is not a header name that can be edited`;
  }
  const lower = name.toLowerCase();
  if (framing.has(lower)) return `${name} frames the message and cannot be edited`;
  return side === "request" && lower === "host" ? "Host can only be rewritten" : null;
}
