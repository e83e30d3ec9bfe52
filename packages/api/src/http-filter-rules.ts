// What the Gateway API demands of an HTTPRoute's filters beyond their schema (there CEL, here
// code).

import type { Reporter } from "./field-error.ts";
import type {
  HttpHeaderModifier,
  HttpPathModifier,
  HttpRequestMirror,
  HttpRouteFilter,
} from "./http-route-filter.ts";
import type { BackendObjectReference } from "./ref.ts";

/** The field that belongs to each filter type. */
const fieldOf = {
  RequestHeaderModifier: "requestHeaderModifier",
  ResponseHeaderModifier: "responseHeaderModifier",
  RequestMirror: "requestMirror",
  RequestRedirect: "requestRedirect",
  URLRewrite: "urlRewrite",
  ExtensionRef: "extensionRef",
  CORS: "cors",
} as const;

const ONCE: readonly string[] = [
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestRedirect",
  "URLRewrite",
  "CORS",
];

/** A control character but the tab: it would end the field, or no proxy would take it. */
const NO_FIELD_VALUE = /[^\t\P{Cc}]/u;
/** A control character, or a blank, which ends the target. */
const NO_PATH = /[\p{Cc} ]/u;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The Gateway API leaves values to the proxies; one that they refuse would hold up all routes. */
export function checkHeaderModifier(modifier: HttpHeaderModifier, report: Reporter): void {
  for (const list of ["set", "add"] as const) {
    (modifier[list] ?? []).forEach(({ value }, i) => {
      if (!NO_FIELD_VALUE.test(value)) return;
      report.invalid(`${list}[${i}].value`, value, "must not hold control characters");
    });
  }
  (modifier.remove ?? []).forEach((name, i) => {
    if (!HEADER_NAME.test(name)) report.invalid(`remove[${i}]`, name, "is no header name");
  });
}

/** A filter has the field of its type and no other. */
export function checkFilter(filter: HttpRouteFilter, report: Reporter): void {
  for (const [type, field] of Object.entries(fieldOf)) {
    const isSet = filter[field] !== undefined;
    if (isSet && filter.type !== type) {
      report.forbidden(field, `only a filter of type ${type} has it, not ${filter.type}`);
    } else if (!isSet && filter.type === type) {
      report.required(field, `a filter of type ${type} needs it`);
    }
  }
}

export function checkFilters(filters: readonly HttpRouteFilter[], report: Reporter): void {
  const seen = new Set<string>();
  filters.forEach(({ type }, index) => {
    if (ONCE.includes(type) && seen.has(type)) report.duplicate(`[${index}].type`, type);
    seen.add(type);
  });
  if (seen.has("RequestRedirect") && seen.has("URLRewrite")) {
    report.invalid("", [...seen], "RequestRedirect and URLRewrite cannot stand together");
  }
}

export function checkPathModifier(modifier: HttpPathModifier, report: Reporter): void {
  const pairs = [
    ["ReplaceFullPath", "replaceFullPath"],
    ["ReplacePrefixMatch", "replacePrefixMatch"],
  ] as const;
  for (const [type, field] of pairs) {
    const isSet = modifier[field] !== undefined;
    if (isSet && modifier.type !== type) report.forbidden(field, `only type ${type} has it`);
    if (!isSet && modifier.type === type) report.required(field, `type ${type} needs it`);
    if (NO_PATH.test(modifier[field] ?? "")) {
      report.invalid(field, modifier[field], "must not hold blanks or control characters");
    }
  }
}

/** A Service is always named with its port. */
export function checkServicePort(backend: BackendObjectReference, report: Reporter): void {
  const { group = "", kind = "Service", port } = backend;
  if (group === "" && kind === "Service" && port === undefined) {
    report.required("port", "a Service needs one");
  }
}

export function checkMirror(mirror: HttpRequestMirror, report: Reporter): void {
  if (mirror.percent !== undefined && mirror.fraction !== undefined) {
    report.forbidden("fraction", "percent and fraction cannot stand together");
  }
}

export function checkFraction(
  fraction: { numerator: number; denominator?: number },
  report: Reporter,
): void {
  const { numerator, denominator = 100 } = fraction;
  if (numerator > denominator) {
    report.invalid("numerator", numerator, `must be no more than the denominator ${denominator}`);
  }
}

/** `*` stands for everything, so it stands alone. */
export function checkCorsList(values: readonly string[], report: Reporter): void {
  if (values.includes("*") && values.length > 1) {
    report.invalid("", values, "'*' cannot stand beside other values");
  }
}
