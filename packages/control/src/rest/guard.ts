// What the API refuses before it looks at a request, from the first day on: other names in Host
// (DNS rebinding), pages of other sites (Origin), bodies a page could send without asking (forms,
// plain text); and listening where strangers are, until they can be told apart.

import { mediaType } from "./body.ts";
import { forbidden, type StatusError, unsupportedMediaType } from "./status.ts";

export interface Guard {
  /** Host names this server answers to, in lower case, without port. */
  readonly names: ReadonlySet<string>;
}

const loopbackNames = ["localhost", "127.0.0.1", "::1"];

export function createGuard(listen: string, names: readonly string[]): Guard {
  const own = [...loopbackNames, ...names, splitAddress(listen)?.name ?? ""];
  return { names: new Set(own.filter((name) => name !== "").map((name) => name.toLowerCase())) };
}

/** Null when the request may go on. */
export function refuseRequest(
  guard: Guard,
  method: string,
  headers: ReadonlyMap<string, string>,
  bodyBytes: number,
): StatusError | null {
  const hostHeader = headers.get("host") ?? "";
  const asked = splitAddress(hostHeader);
  if (asked === null || !guard.names.has(asked.name)) {
    return forbidden(`this server does not answer to the name "${hostHeader}"`);
  }
  const origin = headers.get("origin");
  if (origin !== undefined && !isOwnOrigin(origin, hostHeader)) {
    return forbidden(`pages of ${origin} may not call this server`);
  }
  if (headers.get("sec-fetch-site") === "cross-site") {
    return forbidden("pages of other sites may not call this server");
  }
  const isWrite = method !== "GET" && method !== "HEAD";
  return isWrite && bodyBytes > 0 ? refuseMediaType(headers.get("content-type")) : null;
}

/**
 * What HTML forms and scripts may send without asking. A body without a type can be sent so too,
 * but not without an Origin; kubectl 1.20 sends its JSON that way.
 */
const simpleTypes: ReadonlySet<string> = new Set([
  "application/x-www-form-urlencoded",
  "multipart/form-data",
  "text/plain",
]);

function refuseMediaType(contentType: string | undefined): StatusError | null {
  const type = mediaType(contentType);
  if (!simpleTypes.has(type)) return null;
  return unsupportedMediaType(
    `the body of the request was in an unknown format (${type}) - ` +
      "accepted media types include: application/json, application/yaml",
  );
}

/** Same origin: the page came from the address the request goes to. */
function isOwnOrigin(origin: string, hostHeader: string): boolean {
  const match = /^https?:\/\/(.+)$/.exec(origin.toLowerCase());
  return match !== null && match[1] === hostHeader.toLowerCase();
}

/** Null when `listen` may be bound, else the sentence that says why not. */
export function refuseListen(listen: string, isAuthenticated: boolean): string | null {
  const address = splitAddress(listen);
  if (address === null) {
    return `"${listen}" is not an address: write HOST:PORT, e.g. 127.0.0.1:7070`;
  }
  if (isAuthenticated || isLoopback(address.name)) return null;
  return (
    `the API would be open to everyone who reaches ${listen}: no authentication is configured, ` +
    "so it listens on loopback only (use 127.0.0.1:7070)"
  );
}

function isLoopback(name: string): boolean {
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

export interface Address {
  /** In lower case, without brackets. */
  readonly name: string;
  readonly port: number | null;
}

/** `name`, `name:port`, `[v6]`, `[v6]:port`; null for anything else. */
export function splitAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+))(?::(\d{1,5}))?$/i.exec(text);
  if (match === null) return null;
  const [, v6, name, port] = match;
  const number = port === undefined ? null : Number(port);
  if (number !== null && number > 65_535) return null;
  return { name: (v6 ?? name ?? "").toLowerCase(), port: number };
}
