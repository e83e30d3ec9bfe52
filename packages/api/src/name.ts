// Syntax of names, labels and annotations (RFC 1123 and RFC 1035 names, Kubernetes' qualified
// names), and the sentence that says what is wrong with one.

import { type Schema, type SchemaFields, string } from "./schema.ts";

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
/** A DNS subdomain without anchors, for patterns that hold one. */
export const SUBDOMAIN: string = `${LABEL}(\\.${LABEL})*`;

const LABEL_PATTERN = `^${LABEL}$`;
const SUBDOMAIN_PATTERN = `^${SUBDOMAIN}$`;
const GROUP_PATTERN = `^$|^${SUBDOMAIN}$`;
const KIND_PATTERN = "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";
const HOSTNAME_PATTERN = `^(\\*\\.)?${SUBDOMAIN}$`;
const HEADER_NAME_PATTERN = "^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$";
const SERVICE_PATTERN = "^[a-z]([-a-z0-9]*[a-z0-9])?$";

const sentences: Readonly<Record<string, string>> = {
  [LABEL_PATTERN]:
    "must be a DNS label: lower-case letters, digits and '-', " +
    "starting and ending with a letter or digit",
  [SUBDOMAIN_PATTERN]:
    "must be a DNS subdomain: lower-case letters, digits, '-' and '.', " +
    "each part starting and ending with a letter or digit",
  [GROUP_PATTERN]: "must be empty or a DNS subdomain",
  [KIND_PATTERN]: "must start with a letter and hold letters, digits and '-'",
  [HOSTNAME_PATTERN]:
    "must be a DNS name in lower case, with '*.' as the only wildcard and only at the start",
  [HEADER_NAME_PATTERN]: "must be an HTTP token (letters, digits and !#$%&'*+-.^_`|~)",
  [SERVICE_PATTERN]:
    "must be a DNS-1035 label: lower-case letters, digits and '-', " +
    "starting with a letter and ending with a letter or digit",
};

/** What a value must look like that failed this pattern, in words where there are any. */
export function patternSentence(pattern: string): string {
  return sentences[pattern] ?? `must match ${pattern}`;
}

export function dnsLabel(description: string, options: SchemaFields = {}): Schema<string> {
  return string(description, { minLength: 1, maxLength: 63, pattern: LABEL_PATTERN, ...options });
}

export function dnsSubdomain(description: string, options: SchemaFields = {}): Schema<string> {
  return string(description, {
    minLength: 1,
    maxLength: 253,
    pattern: SUBDOMAIN_PATTERN,
    ...options,
  });
}

/** A host name that may start with `*.`. */
export function hostname(description: string): Schema<string> {
  return string(description, { minLength: 1, maxLength: 253, pattern: HOSTNAME_PATTERN });
}

/** A host name without a wildcard. */
export function hostnamePlain(description: string): Schema<string> {
  return dnsSubdomain(description);
}

export function objectName(description: string, options: SchemaFields = {}): Schema<string> {
  return string(description, { minLength: 1, maxLength: 253, ...options });
}

export function namespaceName(description: string): Schema<string> {
  return dnsLabel(description);
}

export function groupName(description: string, options: SchemaFields = {}): Schema<string> {
  return string(description, { maxLength: 253, pattern: GROUP_PATTERN, ...options });
}

export function kindName(description: string, options: SchemaFields = {}): Schema<string> {
  return string(description, { minLength: 1, maxLength: 63, pattern: KIND_PATTERN, ...options });
}

export function headerName(description: string): Schema<string> {
  return string(description, { minLength: 1, maxLength: 256, pattern: HEADER_NAME_PATTERN });
}

export function portNumber(description: string, options: SchemaFields = {}): Schema<number> {
  return {
    type: "integer",
    description,
    format: "int32",
    minimum: 1,
    maximum: 65535,
    ...options,
  };
}

const labelRegex = new RegExp(LABEL_PATTERN);
const subdomainRegex = new RegExp(SUBDOMAIN_PATTERN);
/** A host name that may start with `*.`. */
export const hostnameRegex: RegExp = new RegExp(HOSTNAME_PATTERN);
const serviceRegex = new RegExp(SERVICE_PATTERN);
const QUALIFIED_SENTENCE =
  "must hold letters, digits, '-', '_' or '.', and start and end with a letter or digit";
const qualifiedRegex = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Null, or what is wrong with a DNS label of at most 63 characters. */
export function dnsLabelError(value: string): string | null {
  if (value.length > 63) return "must be no more than 63 characters";
  return labelRegex.test(value) ? null : patternSentence(LABEL_PATTERN);
}

export function dnsSubdomainError(value: string): string | null {
  if (value.length > 253) return "must be no more than 253 characters";
  return subdomainRegex.test(value) ? null : patternSentence(SUBDOMAIN_PATTERN);
}

/** A name that can start a DNS name of any kind: RFC 1035, so not a digit first. */
export function serviceNameError(value: string): string | null {
  if (value.length > 63) return "must be no more than 63 characters";
  return serviceRegex.test(value) ? null : patternSentence(SERVICE_PATTERN);
}

/** The key of a label or annotation: `[prefix/]name`. */
export function qualifiedNameError(value: string): string | null {
  const slash = value.indexOf("/");
  const name = value.slice(slash + 1);
  if (slash >= 0) {
    const prefixError = dnsSubdomainError(value.slice(0, slash));
    if (prefixError !== null) return `prefix part ${prefixError}`;
  }
  if (name === "") return "name part must be non-empty";
  if (name.length > 63) return "name part must be no more than 63 characters";
  if (qualifiedRegex.test(name)) return null;
  return `name part ${QUALIFIED_SENTENCE}`;
}

export function labelValueError(value: string): string | null {
  if (value.length > 63) return "must be no more than 63 characters";
  if (value === "" || qualifiedRegex.test(value)) return null;
  return `a label's value must be empty, or ${QUALIFIED_SENTENCE}`;
}

const encoder = new TextEncoder();

/** The length in UTF-8, which is what limits count. */
export function byteLength(value: string): number {
  return encoder.encode(value).length;
}
