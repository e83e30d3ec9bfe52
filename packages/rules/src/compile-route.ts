// One route: `Route` with its `RouteAction`, `RedirectAction` or `DirectResponseAction`, and what
// `dev.weft` says beside it. Everything that levels above it decide (header edits, retries,
// mirrors) comes in `context`.

import {
  type RedirectAction,
  RedirectAction_RedirectResponseCode,
  type Route,
  type RouteAction,
  RouteAction_ClusterNotFoundResponseCode,
  type RouteAction_RequestMirrorPolicy,
  type RouteAction_UpgradeConfig,
  type WeightedCluster_ClusterWeight,
} from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import type { RegexMatchAndSubstitute } from "@weft/xds/messages/envoy/type/matcher/v3/regex.js";
import { targetText } from "./byte-text.ts";
import { compileEdits, type EditLevel, joinEdits } from "./compile-edits.ts";
import { compileMatch, compilePattern } from "./compile-match.ts";
import { compileRetry, type RetryMethods } from "./compile-retry.ts";
import { durationMs, limitMs } from "./duration.ts";
import { type Pattern, refuseSubstitution } from "./regex.ts";
import type { Scope } from "./scope.ts";
import {
  DirectResponseRow,
  type Fields,
  MirrorRow,
  PolicyLabel,
  RedirectRow,
  type RetryRow,
  RewriteRow,
  RouteRow,
  WeightedClusterRow,
} from "./tables.ts";
import { weftMetadata } from "./weft-metadata.ts";

/** What the virtual host and the table give to each of their routes. */
export interface RouteContext {
  /** Header edits of the virtual host and of the table. */
  readonly levels: readonly EditLevel[];
  /** Levels are in the order of their edits, unless the most specific must come last. */
  readonly isMostSpecificLast: boolean;
  readonly retry: ((methods: RetryMethods) => RetryRow | null) | null;
  readonly mirrors: readonly MirrorRow[];
}

const routeFields: ReadonlySet<string> = new Set([
  "name",
  "match",
  "action",
  "metadata",
  "requestHeadersToAdd",
  "requestHeadersToRemove",
  "responseHeadersToAdd",
  "responseHeadersToRemove",
]);

type RouteLabels = Pick<
  Fields<RouteRow>,
  "kind" | "namespace" | "object" | "rule" | "flag" | "policies" | "serverNames"
>;

type RouteWork = Omit<Fields<RouteRow>, "name" | "index" | "match" | keyof RouteLabels>;

/** Null when something was refused. */
export function compileRoute(
  message: Route,
  index: number,
  context: RouteContext,
  scope: Scope,
): RouteRow | null {
  scope.refuseOthers(message, routeFields);
  const weft = weftMetadata(message.metadata, scope);
  const methods: RetryMethods = {
    methods: weft.texts("retryMethods"),
    unavailableMethods: weft.texts("retryOn503Methods"),
  };
  const labels: RouteLabels = {
    kind: weft.text("kind"),
    namespace: weft.text("namespace"),
    object: weft.text("name"),
    rule: weft.label("rule"),
    flag: weft.text("flag"),
    serverNames: weft.texts("serverNames"),
    policies: weft.objects("policies").map((policy) => {
      const label = new PolicyLabel(
        policy.text("kind"),
        policy.text("namespace"),
        policy.text("name"),
      );
      policy.finish();
      return label;
    }),
  };
  weft.finish();
  if (message.match === undefined) return scope.at("match").refuse("is missing");
  const match = compileMatch(message.match, scope.at("match"));
  const levels = [compileEdits(message, scope), ...context.levels];
  const work = compileWork(message, { ...context, levels }, methods, scope);
  if (match === null || work === null) return null;
  return new RouteRow({ name: message.name, index, match, ...work, ...labels });
}

function compileWork(
  message: Route,
  context: RouteContext,
  methods: RetryMethods,
  scope: Scope,
): RouteWork | null {
  const idle: RouteWork = {
    clusters: null,
    weightTotal: 0,
    clusterMissingStatus: 503,
    redirect: null,
    direct: null,
    rewrite: null,
    responseEdits: joinEdits(inOrder(context, context.levels), "response"),
    timeoutMs: null,
    idleTimeoutMs: null,
    retry: null,
    mirrors: [],
    upgrades: null,
  };
  const { action } = message;
  switch (action?.$case) {
    case "route":
      return compileAction(action.route, idle, context, methods, scope.at("route"));
    case "redirect": {
      const redirect = compileRedirect(action.redirect, scope.at("redirect"));
      return redirect === null ? null : { ...idle, redirect };
    }
    case "directResponse": {
      const { status, body } = action.directResponse;
      const direct = compileDirect(status, body?.specifier, scope.at("direct_response"));
      return direct === null ? null : { ...idle, direct };
    }
    case undefined:
      return scope.at("action").refuse("is missing");
    default:
      return scope.at("action").refuse("not supported by the built-in proxy");
  }
}

/** Edits run from the most specific level to the least, unless the most specific must win. */
function inOrder(context: RouteContext, levels: readonly EditLevel[]): readonly EditLevel[] {
  return context.isMostSpecificLast ? levels.toReversed() : levels;
}

const actionFields: ReadonlySet<string> = new Set([
  "clusterSpecifier",
  "clusterNotFoundResponseCode",
  "prefixRewrite",
  "regexRewrite",
  "hostRewriteSpecifier",
  "timeout",
  "idleTimeout",
  "retryPolicy",
  "requestMirrorPolicies",
  "upgradeConfigs",
]);

/** Envoy's when a route says nothing. */
const timeoutMsDefault = 15_000;

const missingStatuses: ReadonlyMap<number, number> = new Map<number, number>([
  [RouteAction_ClusterNotFoundResponseCode.SERVICE_UNAVAILABLE, 503],
  [RouteAction_ClusterNotFoundResponseCode.NOT_FOUND, 404],
  [RouteAction_ClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR, 500],
]);

function compileAction(
  message: RouteAction,
  idle: RouteWork,
  context: RouteContext,
  methods: RetryMethods,
  scope: Scope,
): RouteWork | null {
  scope.refuseOthers(message, actionFields);
  const clusters = compileClusters(message, context, scope);
  const { retryPolicy, requestMirrorPolicies } = message;
  const retry =
    retryPolicy === undefined
      ? (context.retry?.(methods) ?? null)
      : compileRetry(retryPolicy, methods, scope.at("retry_policy"));
  const mirrors = compileMirrors(requestMirrorPolicies, scope);
  const rewrite = compileRewrite(message, scope);
  if (clusters === null) return null;
  return {
    ...idle,
    clusters,
    weightTotal: clusters.reduce((sum, cluster) => sum + cluster.weight, 0),
    clusterMissingStatus: missingStatuses.get(message.clusterNotFoundResponseCode) ?? 503,
    rewrite,
    timeoutMs: limitMs(message.timeout, timeoutMsDefault, scope.at("timeout")),
    idleTimeoutMs: durationMs(message.idleTimeout, null, scope.at("idle_timeout")),
    retry,
    mirrors: mirrors.length > 0 ? mirrors : context.mirrors,
    upgrades: compileUpgrades(message.upgradeConfigs, scope),
  };
}

const weightFields: ReadonlySet<string> = new Set([
  "name",
  "weight",
  "requestHeadersToAdd",
  "requestHeadersToRemove",
  "responseHeadersToAdd",
  "responseHeadersToRemove",
  "hostRewriteSpecifier",
]);

function compileClusters(
  message: RouteAction,
  context: RouteContext,
  scope: Scope,
): readonly WeightedClusterRow[] | null {
  const { clusterSpecifier: specifier } = message;
  if (specifier?.$case === "cluster") {
    const whole = weightedCluster(specifier.cluster, 1, context, context.levels, null);
    return specifier.cluster === "" ? scope.at("cluster").refuse("is missing") : [whole];
  }
  if (specifier?.$case !== "weightedClusters") {
    return scope
      .at("cluster_specifier")
      .refuse(specifier === undefined ? "is missing" : "not supported by the built-in proxy");
  }
  const { weightedClusters } = specifier;
  const at = scope.at("weighted_clusters");
  at.refuseOthers(weightedClusters, new Set(["clusters", "totalWeight"]));
  const rows = weightedClusters.clusters.map((share, i) =>
    compileShare(share, context, at.item("clusters", i)),
  );
  const sum = rows.reduce((total, row) => total + row.weight, 0);
  if (sum === 0) return at.refuse("the weights add up to 0");
  if ((weightedClusters.totalWeight ?? sum) !== sum) {
    return at.at("total_weight").refuse(`is not the sum of the weights, ${sum}`);
  }
  return rows;
}

function compileShare(
  share: WeightedCluster_ClusterWeight,
  context: RouteContext,
  scope: Scope,
): WeightedClusterRow {
  scope.refuseOthers(share, weightFields);
  if (share.name === "") scope.at("name").refuse("is missing");
  const levels = [compileEdits(share, scope), ...context.levels];
  const authority = share.hostRewriteSpecifier?.hostRewriteLiteral ?? "";
  const literal = authority === "" ? null : targetText(authority, scope.at("host_rewrite_literal"));
  return weightedCluster(share.name, share.weight ?? 0, context, levels, literal);
}

function weightedCluster(
  cluster: string,
  weight: number,
  context: RouteContext,
  levels: readonly EditLevel[],
  authorityLiteral: string | null,
): WeightedClusterRow {
  return new WeightedClusterRow({
    cluster,
    weight,
    requestEdits: joinEdits(inOrder(context, levels), "request"),
    responseEdits: joinEdits(inOrder(context, levels), "response"),
    authorityLiteral,
  });
}

interface Substitute {
  readonly regex: Pattern | null;
  readonly substitution: string;
}

const noSubstitute: Substitute = { regex: null, substitution: "" };

function compileSubstitute(message: RegexMatchAndSubstitute | undefined, scope: Scope): Substitute {
  if (message === undefined) return noSubstitute;
  const regex = compilePattern(message.pattern, scope.at("pattern"));
  if (regex === null) return noSubstitute;
  const reason = refuseSubstitution(message.substitution, regex);
  if (reason !== null) scope.at("substitution").refuse(reason);
  return { regex, substitution: targetText(message.substitution, scope.at("substitution")) };
}

function compileRewrite(message: RouteAction, scope: Scope): RewriteRow | null {
  const path = compileSubstitute(message.regexRewrite, scope.at("regex_rewrite"));
  if (path.regex !== null && message.prefixRewrite !== "") {
    scope.at("regex_rewrite").refuse("cannot stand beside prefix_rewrite");
  }
  let authority = noSubstitute;
  let authorityLiteral: string | null = null;
  let authorityHeader: string | null = null;
  const specifier = message.hostRewriteSpecifier;
  switch (specifier?.$case) {
    case "hostRewriteLiteral":
      authorityLiteral = targetText(specifier.hostRewriteLiteral, scope.at("host_rewrite_literal"));
      break;
    case "hostRewriteHeader":
      authorityHeader = specifier.hostRewriteHeader.toLowerCase();
      break;
    case "hostRewritePathRegex":
      authority = compileSubstitute(
        specifier.hostRewritePathRegex,
        scope.at("host_rewrite_path_regex"),
      );
      break;
    case "autoHostRewrite":
      if (specifier.autoHostRewrite === true) {
        scope.at("auto_host_rewrite").refuse("not supported by the built-in proxy");
      }
      break;
    default:
  }
  const hasPath = path.regex !== null || message.prefixRewrite !== "";
  if (!hasPath && authorityLiteral === null && authorityHeader === null) {
    if (authority.regex === null) return null;
  }
  return new RewriteRow({
    prefix:
      message.prefixRewrite === ""
        ? null
        : targetText(message.prefixRewrite, scope.at("prefix_rewrite")),
    regex: path.regex,
    substitution: path.substitution,
    authorityLiteral,
    authorityHeader,
    authorityRegex: authority.regex,
    authoritySubstitution: authority.substitution,
  });
}

export function compileMirrors(
  messages: readonly RouteAction_RequestMirrorPolicy[],
  scope: Scope,
): readonly MirrorRow[] {
  const known = new Set(["cluster", "runtimeFraction", "disableShadowHostSuffixAppend"]);
  return messages.map((message, i) => {
    const at = scope.item("request_mirror_policies", i);
    at.refuseOthers(message, known);
    if (message.cluster === "") at.at("cluster").refuse("is missing");
    const share = message.runtimeFraction?.defaultValue;
    const fraction = share === undefined ? 1 : share.numerator / 100 ** (share.denominator + 1);
    return new MirrorRow(message.cluster, Math.min(1, fraction));
  });
}

function compileUpgrades(
  messages: readonly RouteAction_UpgradeConfig[],
  scope: Scope,
): readonly string[] | null {
  if (messages.length === 0) return null;
  const types: string[] = [];
  for (const [i, message] of messages.entries()) {
    const at = scope.item("upgrade_configs", i);
    if (message.connectConfig !== undefined) {
      at.at("connect_config").refuseOthers(message.connectConfig, new Set());
    }
    if (message.upgradeType === "") at.at("upgrade_type").refuse("is missing");
    else if (message.enabled !== false) types.push(message.upgradeType.toLowerCase());
  }
  return types;
}

const redirectStatuses: ReadonlyMap<number, number> = new Map<number, number>([
  [RedirectAction_RedirectResponseCode.MOVED_PERMANENTLY, 301],
  [RedirectAction_RedirectResponseCode.FOUND, 302],
  [RedirectAction_RedirectResponseCode.SEE_OTHER, 303],
  [RedirectAction_RedirectResponseCode.TEMPORARY_REDIRECT, 307],
  [RedirectAction_RedirectResponseCode.PERMANENT_REDIRECT, 308],
]);

function compileRedirect(message: RedirectAction, scope: Scope): RedirectRow | null {
  const status = redirectStatuses.get(message.responseCode);
  if (status === undefined) return scope.at("response_code").refuse("is unknown");
  const { schemeRewriteSpecifier: scheme, pathRewriteSpecifier: path } = message;
  const substitute =
    path?.$case === "regexRewrite"
      ? compileSubstitute(path.regexRewrite, scope.at("regex_rewrite"))
      : noSubstitute;
  return new RedirectRow({
    status,
    scheme:
      scheme?.$case === "schemeRedirect"
        ? scheme.schemeRedirect.toLowerCase()
        : scheme?.httpsRedirect === true
          ? "https"
          : null,
    authority:
      message.hostRedirect === ""
        ? null
        : targetText(message.hostRedirect, scope.at("host_redirect")),
    port: message.portRedirect,
    path:
      path?.$case === "pathRedirect"
        ? targetText(path.pathRedirect, scope.at("path_redirect"))
        : null,
    prefix:
      path?.$case === "prefixRewrite"
        ? targetText(path.prefixRewrite, scope.at("prefix_rewrite"))
        : null,
    regex: substitute.regex,
    substitution: substitute.substitution,
    stripQuery: message.stripQuery,
  });
}

type BodySpecifier = NonNullable<
  Extract<NonNullable<Route["action"]>, { $case: "directResponse" }>["directResponse"]["body"]
>["specifier"];

function compileDirect(
  status: number,
  body: BodySpecifier,
  scope: Scope,
): DirectResponseRow | null {
  if (status < 200 || status > 599) return scope.at("status").refuse("must be 200 to 599");
  switch (body?.$case) {
    case undefined:
      return new DirectResponseRow(status, "");
    case "inlineString":
      return new DirectResponseRow(status, body.inlineString);
    case "inlineBytes":
      return new DirectResponseRow(status, body.inlineBytes.toString("utf8"));
    default:
      return scope.at("body").refuse("must be inline");
  }
}
