// What operators ask of a control plane beside the object API: `/metrics` and `/weft/v1/…`. Pure
// functions over the parts, mounted into the REST API.

import { SERVICE_LABEL, type Workload } from "@weft/api";
import type { Runtime } from "@weft/runtime";
import type { Authority } from "./ca/authority.ts";
import { localTokenId, type TokenRecord } from "./ca/join-token.ts";
import { isNamespaceName, isObjectName } from "./ca/spiffe-id.ts";
import { asMeshError, errorBody, MeshError } from "./errors.ts";
import type { Publisher } from "./publish/publisher.ts";
import type { Registry } from "./registry/registry.ts";
import type { Objects } from "./rest/operations.ts";
import type { RestRequest, RestResponse, RestRoute } from "./rest/request.ts";
import type { ServiceName, ServiceStats } from "./telemetry/service-stats.ts";

export interface OperatorRoutesOptions {
  readonly runtime: Runtime;
  readonly objects: Pick<Objects, "list" | "revision">;
  readonly authority: Pick<Authority, "tokens" | "trustDomain" | "rootSha256">;
  readonly registry: Pick<Registry, "connected" | "ask">;
  readonly publisher: Pick<Publisher, "proxies" | "effective">;
  readonly stats: ServiceStats;
  readonly version: string;
  readonly metrics: () => string;
  readonly backup: () => Promise<Uint8Array>;
  /** Null while writes work. */
  readonly readOnlyReason: () => string | null;
}

type Handler = (
  options: OperatorRoutesOptions,
  request: RestRequest,
  parameters: readonly string[],
) => Promise<RestResponse> | RestResponse;

/** Method, path with `:` for a parameter, handler. */
const table: readonly (readonly [string, string, Handler])[] = [
  ["GET", "/metrics", metrics],
  ["GET", "/weft/v1/status", status],
  ["GET", "/weft/v1/stats", stats],
  ["GET", "/weft/v1/proxies", proxies],
  ["GET", "/weft/v1/proxies/:/:/:", question],
  ["GET", "/weft/v1/effective/:/:", effective],
  ["GET", "/weft/v1/tokens", listTokens],
  ["POST", "/weft/v1/tokens", createToken],
  ["DELETE", "/weft/v1/tokens/:", deleteToken],
  ["POST", "/weft/v1/backup", backup],
];

export function operatorRoutes(options: OperatorRoutesOptions): RestRoute {
  return (request) => {
    const { method, path } = request;
    if (path !== "/metrics" && !path.startsWith("/weft/v1/")) return null;
    const wanted = method === "HEAD" ? "GET" : method;
    let isKnownPath = false;
    for (const [rowMethod, pattern, handler] of table) {
      const parameters = matchPath(pattern, path);
      if (parameters === null) continue;
      isKnownPath = true;
      if (rowMethod === wanted) return answer(options, request, handler, parameters);
    }
    const error = isKnownPath
      ? new MeshError("method-not-allowed", `${path} does not take ${method}`)
      : new MeshError("not-found", `there is nothing at ${path}`);
    return Promise.resolve(refusal(error));
  };
}

async function answer(
  options: OperatorRoutesOptions,
  request: RestRequest,
  handler: Handler,
  parameters: readonly string[],
): Promise<RestResponse> {
  try {
    return await handler(options, request, parameters);
  } catch (thrown) {
    const error = asMeshError(thrown);
    if (error.code === "internal") {
      options.runtime.log.error("request failed", {
        path: request.path,
        error: error.cause instanceof Error ? (error.cause.stack ?? "") : error.message,
      });
    }
    return refusal(error);
  }
}

function metrics(options: OperatorRoutesOptions): RestResponse {
  return {
    status: 200,
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
    body: Buffer.from(options.metrics()),
  };
}

function status(options: OperatorRoutesOptions): RestResponse {
  const { authority, objects, registry, publisher, version } = options;
  return json(200, {
    version,
    trustDomain: authority.trustDomain,
    rootSha256: authority.rootSha256,
    revision: objects.revision(),
    readOnlyReason: options.readOnlyReason(),
    agents: registry.connected().size,
    proxies: publisher.proxies().length,
  });
}

async function stats(options: OperatorRoutesOptions, request: RestRequest): Promise<RestResponse> {
  const namespace = request.query.get("namespace");
  const isOutbound = request.query.get("outbound") === "true";
  // Services that run but were not called have a row as well.
  const names = isOutbound ? [] : await runningServices(options, namespace);
  const direction = isOutbound ? "outbound" : "inbound";
  return json(200, { items: options.stats.rows(direction, namespace, names) });
}

async function runningServices(
  options: OperatorRoutesOptions,
  namespace: string | null,
): Promise<ServiceName[]> {
  const { items } = await options.objects.list<Workload>("Workload", namespace);
  const names = new Map<string, ServiceName>();
  for (const { metadata, spec } of items) {
    const service = metadata.labels?.[SERVICE_LABEL];
    if (service === undefined || (spec.ports ?? []).length === 0) continue;
    const name = { namespace: metadata.namespace ?? "", service };
    names.set(`${name.namespace}/${service}`, name);
  }
  return [...names.values()];
}

/** Who is connected: over xDS, over the agents' stream, or both. */
function proxies(options: OperatorRoutesOptions): RestResponse {
  const agents = options.registry.connected();
  const items = options.publisher.proxies().map((proxy) => {
    const agent = agents.get(proxy.proxy);
    return {
      ...proxy,
      service: agent?.service ?? "",
      hasAgent: agent !== undefined,
      isEphemeral: agent?.isEphemeral ?? false,
    };
  });
  return json(200, { items });
}

async function question(
  options: OperatorRoutesOptions,
  request: RestRequest,
  parameters: readonly string[],
): Promise<RestResponse> {
  const [namespace = "", workload = "", topic = ""] = parameters;
  const args = Object.fromEntries(request.query);
  const body = await options.registry.ask(namespace, workload, topic, args);
  return { status: 200, headers: jsonType, body };
}

function effective(
  options: OperatorRoutesOptions,
  _request: RestRequest,
  parameters: readonly string[],
): RestResponse {
  const [namespace = "", service = ""] = parameters;
  const found = options.publisher.effective(namespace, service);
  if (found !== null) return json(200, found);
  throw new MeshError("not-found", `there is no Service ${namespace}/${service}`);
}

function listTokens(options: OperatorRoutesOptions, request: RestRequest): RestResponse {
  demandOperator(options, request);
  return json(200, { items: options.authority.tokens.list().map(shownToken) });
}

async function createToken(
  options: OperatorRoutesOptions,
  request: RestRequest,
): Promise<RestResponse> {
  demandOperator(options, request);
  const wanted = readTokenRequest(request);
  const { token, record } = await options.authority.tokens.create(wanted);
  return json(201, { token, ...shownToken(record) });
}

async function deleteToken(
  options: OperatorRoutesOptions,
  request: RestRequest,
  parameters: readonly string[],
): Promise<RestResponse> {
  demandOperator(options, request);
  const [id = ""] = parameters;
  await options.authority.tokens.delete(id);
  return json(200, { id });
}

async function backup(options: OperatorRoutesOptions, request: RestRequest): Promise<RestResponse> {
  demandOperator(options, request);
  const headers = { "content-type": "application/octet-stream" };
  return { status: 200, headers, body: await options.backup() };
}

/** Whoever can read the data directory's secret runs this control plane. */
function demandOperator(options: OperatorRoutesOptions, request: RestRequest): void {
  const header = request.headers.get("authorization") ?? "";
  const token = /^Bearer (\S+)$/i.exec(header)?.[1];
  if (token === undefined) {
    throw new MeshError("unauthenticated", "this needs the local secret of the control plane", {
      hint: "Run the command on the control plane's host with its --data-dir.",
    });
  }
  if (options.authority.tokens.check(token).id !== localTokenId) {
    throw new MeshError("forbidden", "a join token is no proof of an operator");
  }
}

function readTokenRequest(request: RestRequest): Parameters<Authority["tokens"]["create"]>[0] {
  const body = readJsonObject(request);
  const names = (field: string, isName: (name: string) => boolean): string[] => {
    const value = body[field] ?? [];
    if (!Array.isArray(value)) throw invalidField(field, "a list of names");
    return value.map((name: unknown) => {
      if (typeof name === "string" && isName(name)) return name;
      throw invalidField(field, "a list of names");
    });
  };
  const { create = false, ttlSeconds = null, description = "" } = body;
  if (typeof create !== "boolean") throw invalidField("create", "true or false");
  if (typeof description !== "string") throw invalidField("description", "a text");
  if (ttlSeconds !== null && !isPositive(ttlSeconds)) throw invalidField("ttlSeconds", "above 0");
  return {
    namespaces: names("namespaces", isNamespaceName),
    serviceAccounts: names("serviceAccounts", isObjectName),
    create,
    ttlMs: ttlSeconds === null ? null : ttlSeconds * 1000,
    description,
  };
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function readJsonObject(request: RestRequest): Record<string, unknown> {
  if (request.body.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(request.body).toString());
  } catch (cause) {
    throw new MeshError("request-invalid", "the body is not JSON", { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new MeshError("request-invalid", "the body is not a JSON object");
}

function invalidField(field: string, wanted: string): MeshError {
  return new MeshError("request-invalid", `${field} has to be ${wanted}`);
}

function shownToken(record: TokenRecord): object {
  const iso = (ms: number | null): string | null =>
    ms === null ? null : new Date(ms).toISOString();
  const { id, namespaces, serviceAccounts, create, description } = record;
  return {
    id,
    namespaces,
    serviceAccounts,
    create,
    description,
    createdAt: iso(record.createdMs),
    expiresAt: iso(record.expiresMs),
  };
}

function matchPath(pattern: string, path: string): string[] | null {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const parameters: string[] = [];
  for (const [index, part] of given.entries()) {
    if (wanted[index] === ":") {
      const decoded = decodeSegment(part);
      if (decoded === null) return null;
      parameters.push(decoded);
    } else if (wanted[index] !== part) return null;
  }
  return parameters;
}

function decodeSegment(segment: string): string | null {
  try {
    return segment === "" ? null : decodeURIComponent(segment);
  } catch {
    return null;
  }
}

function refusal(error: MeshError): RestResponse {
  return json(error.row.httpStatus, errorBody(error));
}

const jsonType = { "content-type": "application/json" };

function json(statusCode: number, value: unknown): RestResponse {
  return { status: statusCode, headers: jsonType, body: Buffer.from(`${JSON.stringify(value)}\n`) };
}
