// Flags that several commands share, and the parsing of their values.

import { InvalidArgumentError, Option } from "commander";

export const serverOption = (): Option =>
  new Option("--server <url>", "the control plane's API (WEFT_SERVER; http://127.0.0.1:7070)");

export const controlOption = (): Option =>
  new Option(
    "--control <host:port>",
    "the control plane's gRPC port (WEFT_CONTROL; 127.0.0.1:7071)",
  );

export const dataDirOption = (): Option =>
  new Option("--data-dir <dir>", "store, CA and local secret (WEFT_DATA_DIR; ~/.local/state/weft)");

export const namespaceOption = (): Option =>
  new Option("-n, --namespace <name>", "the namespace (WEFT_NAMESPACE; default)");

export const tokenFileOption = (): Option =>
  new Option("--token-file <file>", "a file with a join token (WEFT_TOKEN_FILE)");

export const outputOption = (...formats: string[]): Option =>
  new Option("-o, --output <format>", `one of ${formats.join(", ")}`).choices(formats);

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65535) {
    throw new InvalidArgumentError("a port is a number from 1 to 65535");
  }
  return port;
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d{1,3}$/.test(text) || count < 1 || count > 256) {
    throw new InvalidArgumentError("a number from 1 to 256");
  }
  return count;
}

const unitBytes: Readonly<Record<string, number>> = {
  "": 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** `512Mi`, `1G` → bytes, as Kubernetes writes quantities. */
export function parseBytes(text: string): number {
  const [, digits, unit = ""] = /^(\d+)(Ki|Mi|Gi|K|M|G)?$/.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError("a size looks like 512Mi or 1G");
  return Number(digits) * (unitBytes[unit] ?? 1);
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `30s`, `1m30s`, `500ms` → milliseconds. */
export function parseDurationMs(text: string): number {
  if (!/^(\d+(ms|s|m|h))+$/.test(text)) {
    throw new InvalidArgumentError("a duration looks like 500ms, 30s or 1m30s");
  }
  let total = 0;
  for (const [, digits, unit] of text.matchAll(/(\d+)(ms|s|m|h)/g)) {
    total += Number(digits) * (unitMs[unit ?? ""] ?? 0);
  }
  return total;
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** A name as Kubernetes has them (RFC 1123 label). */
export function parseName(text: string): string {
  if (!dnsLabel.test(text)) {
    throw new InvalidArgumentError("a name has lower-case letters, digits and '-', at most 63");
  }
  return text;
}

/** `host:port`, the host an address, a name or a bracketed IPv6 address. */
export function parseHostPort(text: string): string {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s/]+):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65535) {
    throw new InvalidArgumentError("an address looks like 127.0.0.1:7071");
  }
  return text;
}

export function collect<T>(parse: (text: string) => T): (text: string, earlier: T[]) => T[] {
  return (text, earlier) => [...earlier, parse(text)];
}
