// The object API: a parsed URL and a method to a verb, and the verb's answer in the form the caller
// accepts.

import type { ApiObject, KindInfo, Verb } from "@weft/api";
import { mediaType } from "./body.ts";
import { apiVersionOf } from "./catalog.ts";
import { jsonBytes } from "./codec.ts";
import { deleteOptionsOf } from "./delete-options.ts";
import { decodeGiven } from "./given-object.ts";
import { listPage, nextTurn, type Page, selectionOf } from "./list.ts";
import { type Form, negotiate } from "./negotiate.ts";
import {
  changeObject,
  createObject,
  deleteObject,
  readObject,
  type Workspace,
  type WriteContext,
} from "./operations.ts";
import { fieldValidationOf, isDryRun, isTrue, managerOf } from "./parameters.ts";
import { patchOf } from "./patch.ts";
import type { ObjectPath } from "./path.ts";
import type { RestRequest, RestResponse } from "./request.ts";
import { badRequest, methodNotAllowed, noSuchResource, notFound, success } from "./status.ts";
import {
  includeObjectOf,
  inVersion,
  type ListMeta,
  partialObject,
  rowOf,
  tableHead,
  type TableOptions,
  tableOf,
} from "./table.ts";
import { type Show, watchOptionsOf, watchStream } from "./watch.ts";

export interface ObjectApi {
  readonly workspace: Workspace;
  /** Watches that are open, to be ended when the server closes. */
  readonly openWatches: Set<{ end(): void }>;
}

/** One request: where it goes and what is known of it. */
interface Call {
  readonly api: ObjectApi;
  readonly request: RestRequest;
  readonly info: KindInfo;
  readonly version: string;
  readonly namespace: string | null;
  readonly subresource: "" | "status";
}

/** Throws a StatusError for everything that is refused. */
export async function handleObjects(
  api: ObjectApi,
  request: RestRequest,
  path: ObjectPath,
): Promise<RestResponse> {
  const { group, version, plural, name } = path;
  const info = api.workspace.catalog.ofPath(group, version, plural);
  if (info === null || (path.namespace !== null && !info.namespaced)) throw noSuchResource();
  if (path.subresource !== null && (path.subresource !== "status" || !info.hasStatus)) {
    throw noSuchResource();
  }
  const subresource = path.subresource === null ? "" : "status";
  const call: Call = { api, request, info, version, namespace: path.namespace, subresource };
  if (name === null) return handleCollection(call);
  if (info.namespaced && path.namespace === null) throw noSuchResource();
  return handleOne(call, name);
}

async function handleCollection(call: Call): Promise<RestResponse> {
  const { info, namespace, request } = call;
  switch (request.method) {
    case "GET":
    case "HEAD":
      if (isTrue(request.query, "watch")) return watch(call, null);
      requireVerb(info, "list");
      return list(call);
    case "POST":
      requireVerb(info, "create");
      if (info.namespaced && namespace === null) throw methodNotAllowed();
      return create(call);
    case "DELETE":
      requireVerb(info, "deletecollection");
      if (info.namespaced && namespace === null) throw methodNotAllowed();
      return deleteCollection(call);
    default:
      throw methodNotAllowed();
  }
}

async function handleOne(call: Call, name: string): Promise<RestResponse> {
  const { info, request, subresource } = call;
  switch (request.method) {
    case "GET":
    case "HEAD":
      if (isTrue(request.query, "watch")) return watch(call, name);
      requireVerb(info, "get");
      return get(call, name);
    case "PUT":
      requireVerb(info, "update");
      return replace(call, name);
    case "PATCH":
      requireVerb(info, "patch");
      return patch(call, name);
    case "DELETE":
      requireVerb(info, "delete");
      if (subresource !== "") throw methodNotAllowed();
      return remove(call, name);
    default:
      throw methodNotAllowed();
  }
}

function requireVerb(info: KindInfo, verb: Verb): void {
  if (!info.verbs.includes(verb)) throw methodNotAllowed();
}

function contextOf(call: Call, isDry: boolean): WriteContext {
  const { info, version, namespace, subresource, request } = call;
  const manager = managerOf(request.query, request.headers.get("user-agent"));
  return { info, version, namespace, subresource, manager, isDryRun: isDry };
}

async function get(call: Call, name: string): Promise<RestResponse> {
  const { api, info, namespace } = call;
  const object = await readObject(api.workspace, info, namespace, name);
  if (object === null) throw notFound(info, name);
  return answerObject(call, 200, object);
}

async function create(call: Call): Promise<RestResponse> {
  const { api, info, version, namespace, request } = call;
  const type = mediaType(request.headers.get("content-type"));
  const validation = fieldValidationOf(request.query);
  const addressee = { info, version, namespace, name: null };
  const given = decodeGiven(request.body, type, addressee, validation);
  if ((given.object.metadata.resourceVersion ?? "") !== "") {
    throw badRequest("resourceVersion should not be set on objects to be created");
  }
  const context = contextOf(call, isDryRun(request.query));
  const object = await createObject(api.workspace, context, given.object);
  return answerObject(call, 201, object, given.warnings);
}

async function replace(call: Call, name: string): Promise<RestResponse> {
  const { api, info, version, namespace, request } = call;
  const type = mediaType(request.headers.get("content-type"));
  const validation = fieldValidationOf(request.query);
  const addressee = { info, version, namespace, name };
  const given = decodeGiven(request.body, type, addressee, validation);
  const context = contextOf(call, isDryRun(request.query));
  const { object } = await changeObject(api.workspace, context, name, (standing) => {
    if (standing === null) throw notFound(info, name);
    return { object: given.object, managedFields: null };
  });
  return answerObject(call, 200, object, given.warnings);
}

async function patch(call: Call, name: string): Promise<RestResponse> {
  const { api, request } = call;
  const context = contextOf(call, isDryRun(request.query));
  const edit = patchOf(api.workspace, context, {
    type: mediaType(request.headers.get("content-type")),
    body: request.body,
    name,
    validation: fieldValidationOf(request.query),
    isForced: isTrue(request.query, "force"),
    hasManager: (request.query.get("fieldManager") ?? "") !== "",
  });
  const changed = await changeObject(api.workspace, context, name, (standing) =>
    edit.edit(standing),
  );
  return answerObject(call, changed.isCreated ? 201 : 200, changed.object, edit.warnings());
}

async function remove(call: Call, name: string): Promise<RestResponse> {
  const { api, info, request } = call;
  const options = deleteOptionsOf(request);
  const context = contextOf(call, options.isDryRun);
  const deleted = await deleteObject(api.workspace, context, name, options);
  if (!deleted.isGone) return answerObject(call, 200, deleted.object);
  const { uid } = deleted.object.metadata;
  const { group, plural } = info;
  return answerJson(
    200,
    success({
      name,
      ...(group === "" ? {} : { group }),
      kind: plural,
      ...(uid === undefined ? {} : { uid }),
    }),
  );
}

async function deleteCollection(call: Call): Promise<RestResponse> {
  const { api, info, namespace, request } = call;
  const options = deleteOptionsOf(request);
  const context = contextOf(call, options.isDryRun);
  const selection = selectionOf(info, namespace, request.query);
  const page = await listPage(api.workspace, selection, request.query);
  await Promise.all(
    page.items.map(async ({ metadata }) => {
      const preconditions = { uid: metadata.uid ?? null, resourceVersion: null };
      try {
        await deleteObject(api.workspace, context, metadata.name, preconditions);
      } catch (error) {
        // Somebody else deleted or replaced it meanwhile: then it is not ours to delete.
        if (!isGoneOrAnother(error)) throw error;
      }
    }),
  );
  return answerList(call, page, negotiate(request.headers.get("accept")));
}

function isGoneOrAnother(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 404 || code === 409;
}

async function list(call: Call): Promise<RestResponse> {
  const { api, info, namespace, request } = call;
  const form = negotiate(request.headers.get("accept"));
  const selection = selectionOf(info, namespace, request.query);
  const page = await listPage(api.workspace, selection, request.query);
  return answerList(call, page, form);
}

function watch(call: Call, name: string | null): RestResponse {
  const { api, info, namespace, request } = call;
  requireVerb(info, "watch");
  const query = new URLSearchParams(request.query);
  if (name !== null) query.set("fieldSelector", `metadata.name=${name}`);
  const selection = selectionOf(info, namespace, query);
  const options = watchOptionsOf(query, api.workspace);
  const show = showFor(call, negotiate(request.headers.get("accept")));
  return {
    status: 200,
    headers: { "content-type": "application/json", "cache-control": "no-cache, private" },
    body: watchStream(api.workspace, selection, options, show, api.openWatches),
  };
}

function showFor(call: Call, form: Form): Show {
  const { info, version } = call;
  const apiVersion = apiVersionOf(info.group, version);
  switch (form.type) {
    case "object":
      return {
        object: (object) => inVersion(info, version, object),
        mark: (metadata) => ({ kind: info.kind, apiVersion, metadata }),
      };
    case "metadata":
      return {
        object: (object) => partialObject(object, form.version),
        mark: (metadata) => ({
          kind: "PartialObjectMetadata",
          apiVersion: `meta.k8s.io/${form.version}`,
          metadata,
        }),
      };
    case "table": {
      const options = tableOptions(call, form.version);
      const nowMs = (): number => call.api.workspace.runtime.clock.nowMs();
      return {
        object: (object) =>
          tableOf({ ...options, nowMs: nowMs() }, [object], {
            resourceVersion: object.metadata.resourceVersion ?? "",
          }),
        mark: (metadata) => tableOf(options, [], metadata),
      };
    }
  }
}

function tableOptions(call: Call, tableVersion: "v1" | "v1beta1"): TableOptions {
  return {
    info: call.info,
    version: call.version,
    tableVersion,
    includeObject: includeObjectOf(call.request.query),
    nowMs: call.api.workspace.runtime.clock.nowMs(),
  };
}

function answerJson(status: number, value: object, warnings: readonly string[] = []): RestResponse {
  const headers: Record<string, string | readonly string[]> = {
    "content-type": "application/json",
  };
  if (warnings.length > 0) headers["warning"] = warnings.map(warningHeader);
  return { status, headers, body: jsonBytes(value) };
}

/** RFC 7234 §5.5, as Kubernetes uses it: `299 - "text"`. */
function warningHeader(text: string): string {
  const escaped = text.replaceAll(/[^\x20-\x7e]/g, "?").replaceAll(/["\\]/g, "\\$&");
  return `299 - "${escaped}"`;
}

function answerObject(
  call: Call,
  status: number,
  object: ApiObject,
  warnings: readonly string[] = [],
): RestResponse {
  const form = negotiate(call.request.headers.get("accept"));
  const { resourceVersion = "" } = object.metadata;
  switch (form.type) {
    case "object":
      return answerJson(status, inVersion(call.info, call.version, object), warnings);
    case "metadata":
      return answerJson(status, partialObject(object, form.version), warnings);
    case "table":
      return answerJson(
        status,
        tableOf(tableOptions(call, form.version), [object], { resourceVersion }),
        warnings,
      );
  }
}

/** Objects of a list turned into JSON without letting other requests wait. */
const encodedPerTurn = 100;

async function answerList(call: Call, page: Page, form: Form): Promise<RestResponse> {
  const metadata: ListMeta = {
    resourceVersion: String(page.revision),
    ...(page.continue === "" ? {} : { continue: page.continue }),
    ...(page.remaining === null ? {} : { remainingItemCount: page.remaining }),
  };
  const { head, items, show } = listForm(call, form, metadata);
  const parts: Uint8Array[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"${items}":[`)];
  for (let at = 0; at < page.items.length; at += encodedPerTurn) {
    if (at > 0) await nextTurn(call.api.workspace);
    const texts = page.items
      .slice(at, at + encodedPerTurn)
      .map((item) => JSON.stringify(show(item)));
    parts.push(Buffer.from((at > 0 ? "," : "") + texts.join(",")));
  }
  parts.push(Buffer.from("]}\n"));
  const headers = { "content-type": "application/json" };
  return { status: 200, headers, body: Buffer.concat(parts) };
}

interface ListForm {
  /** The list without its items. */
  readonly head: object;
  /** The name of the field that holds them. */
  readonly items: "items" | "rows";
  show(object: ApiObject): object;
}

function listForm(call: Call, form: Form, metadata: ListMeta): ListForm {
  const { info, version } = call;
  switch (form.type) {
    case "object":
      return {
        head: {
          kind: `${info.kind}List`,
          apiVersion: apiVersionOf(info.group, version),
          metadata,
        },
        items: "items",
        show: (object) => inVersion(info, version, object),
      };
    case "metadata":
      return {
        head: {
          kind: "PartialObjectMetadataList",
          apiVersion: `meta.k8s.io/${form.version}`,
          metadata,
        },
        items: "items",
        show: (object) => partialObject(object, form.version),
      };
    case "table": {
      const options = tableOptions(call, form.version);
      return {
        head: tableHead(options, metadata),
        items: "rows",
        show: (object) => rowOf(options, object),
      };
    }
  }
}
