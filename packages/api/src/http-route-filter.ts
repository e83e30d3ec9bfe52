// The filters of an HTTPRoute (Gateway API v1, standard channel), of rules and of backends alike.

import {
  checkCorsList,
  checkFilter,
  checkFilters,
  checkFraction,
  checkHeaderModifier,
  checkMirror,
  checkPathModifier,
  checkServicePort,
} from "./http-filter-rules.ts";
import { headerName, hostnamePlain, portNumber } from "./name.ts";
import { backendObjectReferenceSchema, localObjectReferenceSchema } from "./ref.ts";
import {
  about,
  boolean,
  choice,
  integer,
  list,
  numberChoice,
  object,
  type Schema,
  type Static,
  string,
  withRules,
} from "./schema.ts";

export const HTTP_METHODS = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "DELETE",
  "CONNECT",
  "OPTIONS",
  "TRACE",
  "PATCH",
] as const;

const ORIGIN_PATTERN =
  "(^\\*$)|(^(http(s)?):\\/\\/" +
  "(((\\*\\.)?([a-zA-Z0-9\\-]+\\.)*[a-zA-Z0-9-]+|\\*)(:([0-9]{1,5}))?)$)";

const header = object(
  "A header field.",
  {
    name: headerName("Its name; case does not matter."),
    value: string("Its value.", { minLength: 1, maxLength: 4096 }),
  },
  { required: ["name", "value"] },
);

const headerModifierShape = object("Changes to header fields.", {
  set: list("Fields that replace those of their name.", header, {
    listType: "map",
    keys: ["name"],
    maxItems: 16,
  }),
  add: list("Fields that are added.", header, { listType: "map", keys: ["name"], maxItems: 16 }),
  remove: list("Names of fields that are removed.", string(""), { listType: "set", maxItems: 16 }),
});

export type HttpHeaderModifier = Static<typeof headerModifierShape>;
export const headerModifierSchema: Schema<HttpHeaderModifier> = withRules(
  headerModifierShape,
  checkHeaderModifier,
);

const path = { maxLength: 1024 } as const;

const pathModifierShape = object(
  "A change of the path.",
  {
    type: choice("Whether the whole path or the matched prefix is replaced.", [
      "ReplaceFullPath",
      "ReplacePrefixMatch",
    ]),
    replaceFullPath: string("The new path.", path),
    replacePrefixMatch: string("What stands where the matched prefix stood.", path),
  },
  { required: ["type"] },
);
export type HttpPathModifier = Static<typeof pathModifierShape>;
const pathModifier: Schema<HttpPathModifier> = withRules(pathModifierShape, checkPathModifier);

const requestRedirect = object("An answer that sends the caller elsewhere.", {
  scheme: choice("The new scheme.", ["http", "https"]),
  hostname: hostnamePlain("The new host."),
  path: pathModifier,
  port: portNumber("The new port."),
  statusCode: numberChoice("The status.", [301, 302, 303, 307, 308], { default: 302 }),
});

const urlRewrite = object("A change of host or path on the way to the backend.", {
  hostname: hostnamePlain("The new Host."),
  path: pathModifier,
});

const requestMirrorShape = object(
  "A copy of requests, whose answers nobody waits for.",
  {
    backendRef: withRules(
      about(backendObjectReferenceSchema, "Where copies go."),
      checkServicePort,
    ),
    percent: integer("The share of requests that is copied; absent: all.", {
      minimum: 0,
      maximum: 100,
    }),
    fraction: withRules(
      object(
        "The same as a fraction.",
        {
          numerator: integer("How many.", { minimum: 0 }),
          denominator: integer("Out of how many.", { minimum: 1, default: 100 }),
        },
        { required: ["numerator"] },
      ),
      checkFraction,
    ),
  },
  { required: ["backendRef"] },
);
export type HttpRequestMirror = Static<typeof requestMirrorShape>;
export const requestMirrorSchema: Schema<HttpRequestMirror> = withRules(
  requestMirrorShape,
  checkMirror,
);

const cors = object("Answers to requests of scripts from other origins.", {
  allowOrigins: withRules(
    list(
      "Origins that may call.",
      string("", { minLength: 1, maxLength: 253, pattern: ORIGIN_PATTERN }),
      { listType: "set", maxItems: 64 },
    ),
    checkCorsList,
  ),
  allowCredentials: boolean("Whether calls may carry credentials."),
  allowMethods: withRules(
    list("Methods that may be used.", choice("", [...HTTP_METHODS, "*"]), {
      listType: "set",
      maxItems: 9,
    }),
    checkCorsList,
  ),
  allowHeaders: withRules(
    list("Header fields that may be sent.", headerName(""), { listType: "set", maxItems: 64 }),
    checkCorsList,
  ),
  exposeHeaders: list("Header fields that scripts may read.", headerName(""), {
    listType: "set",
    maxItems: 64,
  }),
  maxAge: integer("Seconds that an answer may be remembered.", { minimum: 1, default: 5 }),
});

const filterShape = object(
  "One thing done to requests or answers; the field named like the type holds its settings.",
  {
    type: choice("Which.", [
      "RequestHeaderModifier",
      "ResponseHeaderModifier",
      "RequestMirror",
      "RequestRedirect",
      "URLRewrite",
      "ExtensionRef",
      "CORS",
    ]),
    requestHeaderModifier: about(headerModifierSchema, "Changes to the request's header fields."),
    responseHeaderModifier: about(headerModifierSchema, "Changes to the answer's header fields."),
    requestMirror: requestMirrorSchema,
    requestRedirect,
    urlRewrite,
    cors,
    extensionRef: about(localObjectReferenceSchema, "A filter that the Gateway API does not know."),
  },
  { required: ["type"] },
);
export type HttpRouteFilter = Static<typeof filterShape>;
const filter: Schema<HttpRouteFilter> = withRules(filterShape, checkFilter);

export const filtersSchema = withRules(
  list("What is done to requests and answers.", filter, { maxItems: 16 }),
  checkFilters,
);

export type HttpHeader = Static<typeof header>;
export type HttpRequestRedirect = Static<typeof requestRedirect>;
export type HttpUrlRewrite = Static<typeof urlRewrite>;
export type HttpCors = Static<typeof cors>;
