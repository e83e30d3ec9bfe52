// The rules of the HTTPRoutes or GRPCRoutes that hold at one port, as Envoy routes in the order
// they are tried
// (design section 6, "Routes").

import { parseDurationMs, type Service } from "@weft/api";
import {
  Route,
  type RouteAction,
  RouteAction as RouteActionMessage,
  RouteAction_ClusterNotFoundResponseCode,
  RouteAction_RequestMirrorPolicy,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import {
  type FractionalPercent,
  FractionalPercent_DenominatorType,
} from "@weft/xds/messages/envoy/type/v3/percent.js";
import { type Model, objectKey } from "../model/model.ts";
import type { AnyRoute } from "../model/route-refs.ts";
import type { ServicePort } from "../model/service-ports.ts";
import { chosen, type ShareContext, sharesOf, specifierOf } from "./backend-shares.ts";
import { type ClusterChoice, idleTimeoutMs, requestSettingsFor } from "./clusters.ts";
import {
  compileRedirect,
  flagHeader,
  headerEdits,
  hostRewrite,
  pathRewrite,
  redirectOf,
  urlRewriteOf,
} from "./http-filters.ts";
import { compileMatch } from "./http-match.ts";
import {
  type PlacedRule,
  placeRules,
  type RequestRoute,
  type RequestRule,
} from "./placed-rules.ts";
import { compileRetry, SAFE_METHODS } from "./retry-policy.ts";
import { resolveRef } from "./route-backends.ts";
import { problemsOf } from "./route-problems.ts";
import type { RequestSettings, Sourced } from "./settings.ts";
import { duration, type MetadataValue, weftMetadata } from "./typed-config.ts";

/** The port of the service that callers named, for which routes are compiled. */
export interface NamedServicePort {
  readonly service: Service;
  readonly port: ServicePort;
}

export interface CompiledRoutes {
  readonly routes: Route[];
  /** Every existing cluster the routes send to. */
  readonly clusters: ClusterChoice[];
}

/** What the routes of one virtual host share while they are compiled. */
interface Context extends ShareContext {
  readonly request: RequestSettings;
}

/**
 * Without routes everything goes to the service itself; with routes, what none matches is answered
 * 404.
 */
export function compileHttpRoutes(
  model: Model,
  { service, port }: NamedServicePort,
  held: readonly AnyRoute[],
): CompiledRoutes {
  const { namespace = "", name } = service.metadata;
  const named = { service: objectKey(namespace, name), portName: port.name, port: port.port };
  const request = requestSettingsFor(model, named);
  const context: Context = { model, named, request, clusters: new Map() };
  const routes: Route[] = [];
  const [first] = held;
  if (first === undefined) {
    routes.push(serviceRoute(context, service, port));
  } else {
    for (const placed of placeRules(held)) routes.push(compilePlaced(context, placed));
    const end = first.kind === "GRPCRoute" ? ENDS.GRPCRoute : ENDS.HTTPRoute;
    const missing = `no ${first.kind} of ${named.service} matches the request${end}`;
    routes.push(directRoute("no-match", 404, missing, { kind: "", namespace: "", name: "" }));
  }
  return { routes, clusters: [...context.clusters.values()] };
}

function serviceRoute(context: Context, service: Service, port: ServicePort): Route {
  const choice = chosen(context, service, port);
  const action = forwardTo(context, [choice], null);
  action.clusterSpecifier = { $case: "cluster", cluster: choice.name };
  const { namespace = "", name } = service.metadata;
  const route = Route.fromPartial({
    name: "default",
    match: compileMatch({}),
    metadata: weftMetadata({
      ...retryMetadata(context),
      kind: "Service",
      namespace,
      name,
      rule: "",
      policies: policiesOf(context.request, [choice]),
    }),
  });
  route.action = { $case: "route", route: action };
  return route;
}

function compilePlaced(context: Context, placed: PlacedRule): Route {
  const { route, rule, ruleIndex, match } = placed;
  const { namespace = "", name } = route.metadata;
  const ruleName = rule.name ?? String(ruleIndex);
  const label = { kind: route.kind, namespace, name, rule: ruleName };
  const routeName = `${namespace}/${name}/${ruleName}`;
  const compiled = compileRule(context, placed);
  const message = Route.fromPartial({
    ...(compiled.isDirect ? {} : headerEdits(rule.filters)),
    name: routeName,
    match,
    metadata: weftMetadata({ ...compiled.metadata, ...label, policies: compiled.policies }),
  });
  message.action = compiled.action;
  return message;
}

/** How a text ends: as content by a line's end, as gRPC's message by nothing. */
const ENDS: Readonly<Record<RequestRoute["kind"], string>> = { HTTPRoute: "\n", GRPCRoute: "" };

/** What a backend that leads nowhere answers; 503 is gRPC's UNAVAILABLE. */
const NOWHERE = {
  HTTPRoute: {
    status: 500,
    missing: RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR,
  },
  GRPCRoute: {
    status: 503,
    missing: RouteAction_ClusterNotFoundResponseCode.SERVICE_UNAVAILABLE,
  },
} as const;

interface CompiledRule {
  readonly action: Route["action"];
  readonly metadata: { readonly [key: string]: MetadataValue };
  readonly policies: MetadataValue;
  readonly isDirect: boolean;
}

function compileRule(context: Context, placed: PlacedRule): CompiledRule {
  const { route, rule, ruleIndex, prefix } = placed;
  const reasons = problemsOf(route).rules.get(ruleIndex);
  if (reasons !== undefined) {
    return direct(route, 500, `the route cannot be enforced: ${reasons[0]}`);
  }
  const redirect = redirectOf(rule.filters);
  if (redirect !== null) {
    const action = compileRedirect(redirect, prefix, context.named.port);
    const made = { $case: "redirect", redirect: action } as const;
    return { action: made, metadata: {}, policies: [], isDirect: false };
  }
  const { weights, choices } = sharesOf(context, route, rule.backendRefs ?? []);
  if (weights.length === 0) {
    const why =
      (rule.backendRefs ?? []).length === 0 ? "has no backends" : "gives no backend weight";
    return direct(route, NOWHERE[route.kind].status, `the rule ${why}`);
  }
  const action = forwardTo(context, choices, rule);
  action.clusterSpecifier = specifierOf(weights);
  action.clusterNotFoundResponseCode = NOWHERE[route.kind].missing;
  rewriteOnto(action, rule, prefix);
  action.requestMirrorPolicies = mirrorsOf(context, route, rule);
  return {
    action: { $case: "route", route: action },
    metadata: retryMetadata(context),
    policies: policiesOf(context.request, choices),
    isDirect: false,
  };
}

function direct(route: RequestRoute, status: number, text: string): CompiledRule {
  const action = directAction(status, text + ENDS[route.kind]);
  return { action, metadata: {}, policies: [], isDirect: true };
}

/** Times and retries; the clusters are filled in by the caller. A rule's own times win. */
function forwardTo(
  context: Context,
  choices: readonly ClusterChoice[],
  rule: RequestRule | null,
): RouteAction {
  const { request } = context;
  const ruleTimeoutMs = parsed(rule?.timeouts?.request);
  const tryTimeoutMs = parsed(rule?.timeouts?.backendRequest);
  const { policy } = compileRetry(request, tryTimeoutMs);
  const idleMs = longest(choices.map(({ settings }) => idleTimeoutMs(settings.cluster, "http")));
  const action = RouteActionMessage.fromPartial({
    timeout: duration(ruleTimeoutMs ?? request.requestTimeoutMs.value ?? 0),
    idleTimeout: duration(idleMs),
  });
  action.retryPolicy = policy;
  return action;
}

function parsed(text: string | undefined): number | null {
  return text === undefined ? null : parseDurationMs(text);
}

/** 0 is for ever; without clusters, what holds by default. */
function longest(timesMs: readonly number[]): number {
  if (timesMs.length === 0) return 300_000;
  return timesMs.includes(0) ? 0 : Math.max(...timesMs);
}

function rewriteOnto(action: RouteAction, rule: RequestRule, prefix: string): void {
  const hostname = hostRewrite(rule.filters);
  if (hostname !== "") {
    action.hostRewriteSpecifier = { $case: "hostRewriteLiteral", hostRewriteLiteral: hostname };
  }
  const rewrite = pathRewrite(urlRewriteOf(rule.filters)?.path, prefix);
  if (rewrite?.kind === "prefix") action.prefixRewrite = rewrite.prefix;
  else if (rewrite?.kind === "regex") action.regexRewrite = rewrite.regex;
}

/** A mirror that leads nowhere copies nothing; the route's status says so. */
function mirrorsOf(
  context: Context,
  route: RequestRoute,
  rule: RequestRule,
): RouteAction_RequestMirrorPolicy[] {
  const mirrors: RouteAction_RequestMirrorPolicy[] = [];
  for (const { requestMirror } of rule.filters ?? []) {
    if (requestMirror === undefined) continue;
    const resolved = resolveRef(
      context.model,
      route,
      requestMirror.backendRef,
      context.named.service,
    );
    const share = mirrorShare(requestMirror.percent, requestMirror.fraction);
    if (resolved.problem !== null || share?.numerator === 0) continue;
    const { name } = chosen(context, resolved.service, resolved.port);
    const policy = RouteAction_RequestMirrorPolicy.fromPartial({
      cluster: name,
      disableShadowHostSuffixAppend: true,
    });
    if (share !== null) policy.runtimeFraction = { defaultValue: share, runtimeKey: "" };
    mirrors.push(policy);
  }
  return mirrors;
}

/** Null: every request. */
function mirrorShare(
  percent: number | undefined,
  fraction: { numerator: number; denominator?: number } | undefined,
): FractionalPercent | null {
  const { HUNDRED, MILLION } = FractionalPercent_DenominatorType;
  if (percent !== undefined) return { numerator: percent, denominator: HUNDRED };
  if (fraction === undefined) return null;
  const { numerator, denominator = 100 } = fraction;
  if (denominator === 100) return { numerator, denominator: HUNDRED };
  return { numerator: Math.round((numerator / denominator) * 1_000_000), denominator: MILLION };
}

function retryMetadata(context: Context): { readonly [key: string]: MetadataValue } {
  const { isUnavailableForSafeMethods } = compileRetry(context.request, null);
  return isUnavailableForSafeMethods ? { retryOn503Methods: SAFE_METHODS } : {};
}

/** The policies that a request on these clusters is shaped by. */
function policiesOf(request: RequestSettings, choices: readonly ClusterChoice[]): MetadataValue {
  const found = new Map<string, MetadataValue>();
  const values: Sourced<unknown>[] = Object.values(request);
  for (const { settings } of choices) values.push(...Object.values(settings.cluster));
  for (const { origin } of values) {
    if (origin.kind === "Default") continue;
    const namespace = origin.kind === "MeshConfig" ? "" : origin.namespace;
    const key = `${origin.kind}/${namespace}/${origin.name}`;
    found.set(key, { kind: origin.kind, namespace, name: origin.name });
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, policy]) => policy);
}

/** A route for everything that answers by itself; a flag in its metadata goes into the answer. */
export function directRoute(
  name: string,
  status: number,
  body: string,
  metadata: { readonly [key: string]: MetadataValue },
): Route {
  const route = Route.fromPartial({
    name,
    match: compileMatch({}),
    metadata: weftMetadata(metadata),
  });
  const { flag } = metadata;
  if (typeof flag === "string") route.responseHeadersToAdd = [flagHeader(flag)];
  route.action = directAction(status, body);
  return route;
}

function directAction(status: number, body: string): NonNullable<Route["action"]> {
  return {
    $case: "directResponse",
    directResponse: {
      status,
      body: {
        specifier: { $case: "inlineString", inlineString: body },
        watchedDirectory: undefined,
      },
    },
  };
}
