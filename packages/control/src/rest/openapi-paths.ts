// The paths of the OpenAPI documents. kubectl reads from them which parameters a write takes (dry
// run, field validation) and which kinds take a strategic merge patch.

import { groupPath, type JsonSchema, type KindInfo, restPath } from "@weft/api";
import { META, type Dialect, openapiV3, reference, schemaName } from "./openapi-schema.ts";

interface Operation {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  readonly action: string;
  /** What it does, to go before the kind in an operationId. */
  readonly verb: string;
  /** Names of query parameters. */
  readonly query: readonly (keyof typeof queryParameters)[];
  /** Schema of the answer: the object, its list, or a Status. */
  readonly answer: "object" | "list" | "status";
  readonly body?: "object" | "delete" | "patch";
}

const queryParameters = {
  allowWatchBookmarks: ["boolean", "Whether a watch also sends bookmarks."],
  continue: ["string", "The token of an earlier part of the list."],
  dryRun: ["string", "All: everything is checked and nothing is stored."],
  fieldManager: ["string", "Who changes the fields."],
  fieldSelector: ["string", "Fields that the objects must have."],
  fieldValidation: ["string", "What becomes of unknown and double fields: Ignore, Warn or Strict."],
  force: ["boolean", "Whether apply takes over the fields of other managers."],
  gracePeriodSeconds: ["integer", "Not used."],
  labelSelector: ["string", "Labels that the objects must have."],
  limit: ["integer", "How many objects at most."],
  orphanDependents: ["boolean", "No longer used."],
  pretty: ["string", "Whether the answer is indented."],
  propagationPolicy: ["string", "Orphan, Background or Foreground."],
  resourceVersion: ["string", "The revision to read at or watch from."],
  resourceVersionMatch: ["string", "How resourceVersion is meant: NotOlderThan or Exact."],
  sendInitialEvents: ["boolean", "Whether a watch begins with what there is."],
  timeoutSeconds: ["integer", "How long a list or watch may last."],
  watch: ["boolean", "Whether changes follow instead of a list."],
} as const;

const READ_MANY = [
  "allowWatchBookmarks",
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "pretty",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "timeoutSeconds",
  "watch",
] as const;
const WRITE = ["dryRun", "fieldManager", "fieldValidation", "pretty"] as const;
const DELETE = [
  "dryRun",
  "gracePeriodSeconds",
  "orphanDependents",
  "pretty",
  "propagationPolicy",
] as const;

const LIST: Operation = {
  method: "get",
  action: "list",
  verb: "list",
  query: READ_MANY,
  answer: "list",
};
const CREATE: Operation = {
  method: "post",
  action: "post",
  verb: "create",
  query: WRITE,
  answer: "object",
  body: "object",
};
const DELETE_MANY: Operation = {
  method: "delete",
  action: "deletecollection",
  verb: "deleteCollection",
  query: [...DELETE, "continue", "fieldSelector", "labelSelector", "limit", "timeoutSeconds"],
  answer: "status",
  body: "delete",
};
const READ: Operation = {
  method: "get",
  action: "get",
  verb: "read",
  query: ["pretty"],
  answer: "object",
};
const REPLACE: Operation = {
  method: "put",
  action: "put",
  verb: "replace",
  query: WRITE,
  answer: "object",
  body: "object",
};
const PATCH: Operation = {
  method: "patch",
  action: "patch",
  verb: "patch",
  query: [...WRITE, "force"],
  answer: "object",
  body: "patch",
};
const DELETE_ONE: Operation = {
  method: "delete",
  action: "delete",
  verb: "delete",
  query: DELETE,
  answer: "status",
  body: "delete",
};

/** Every path of a kind in one version. */
export function kindPaths(
  info: KindInfo,
  version: string,
  dialect: Dialect,
): Record<string, JsonSchema> {
  const place = { ...info, version };
  const can = (verb: KindInfo["verbs"][number]): boolean => info.verbs.includes(verb);
  const namespace = info.namespaced ? "{namespace}" : null;
  const many = unescapeBraces(restPath(place, namespace));
  const one = `${many}/{name}`;
  const write = (path: string, operations: readonly Operation[], scope: string): JsonSchema => {
    return pathItem(path, operations, { info, version, dialect, scope });
  };
  const scope = info.namespaced ? "Namespaced" : "";
  const paths: Record<string, JsonSchema> = {};
  paths[many] = write(
    many,
    [
      ...(can("list") ? [LIST] : []),
      ...(can("create") ? [CREATE] : []),
      ...(can("deletecollection") ? [DELETE_MANY] : []),
    ],
    scope,
  );
  if (can("get")) paths[one] = write(one, [READ, REPLACE, PATCH, DELETE_ONE], scope);
  if (info.hasStatus) {
    paths[`${one}/status`] = write(`${one}/status`, [READ, REPLACE, PATCH], `${scope}Status`);
  }
  if (info.namespaced && can("list")) {
    const all = `${groupPath(info.group, version)}/${info.plural}`;
    paths[all] = write(all, [LIST], "ForAllNamespaces");
  }
  return paths;
}

function unescapeBraces(path: string): string {
  return path.replaceAll("%7B", "{").replaceAll("%7D", "}");
}

interface Subject {
  readonly info: KindInfo;
  readonly version: string;
  readonly dialect: Dialect;
  readonly scope: string;
}

function pathItem(path: string, operations: readonly Operation[], subject: Subject): JsonSchema {
  const item: JsonSchema = {};
  for (const operation of operations) item[operation.method] = operationOf(operation, subject);
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  if (inPath.length > 0) {
    item["parameters"] = inPath.map((name) => parameter(subject.dialect, name, "path", "string"));
  }
  return item;
}

function operationOf(operation: Operation, subject: Subject): JsonSchema {
  const { info, version, dialect, scope } = subject;
  const { group, kind } = info;
  const answer = reference(dialect, answerName(operation, subject));
  const parameters = operation.query.map((name) => {
    const [type, description] = queryParameters[name];
    return parameter(dialect, name, "query", type, description);
  });
  const words = group.split(".").map(capitalise).join("");
  const common = {
    description: `${operation.verb} ${kind}`,
    operationId: `${operation.verb}${words}${capitalise(version)}${scope}${kind}`,
    tags: [group === "" ? `core_${version}` : `${group.replaceAll(".", "_")}_${version}`],
    "x-kubernetes-action": operation.action,
    "x-kubernetes-group-version-kind": { group, version, kind },
  };
  return dialect === openapiV3
    ? { ...common, parameters, ...v3Body(operation, subject), responses: v3Answer(answer) }
    : {
        ...common,
        ...v2Body(operation, subject, parameters),
        produces: ["application/json", "application/json;stream=watch"],
        schemes: ["http"],
        responses: { 200: { description: "OK", schema: answer } },
      };
}

function answerName(operation: Operation, { info, version }: Subject): string {
  const name = schemaName(info, version);
  const names = { object: name, list: `${name}List`, status: `${META}.Status` };
  return names[operation.answer];
}

function bodyName(body: NonNullable<Operation["body"]>, { info, version }: Subject): string {
  const names = {
    object: schemaName(info, version),
    delete: `${META}.DeleteOptions`,
    patch: `${META}.Patch`,
  };
  return names[body];
}

/** The content types of a patch; strategic merge is for Kubernetes' own kinds alone. */
function patchTypes(info: KindInfo): string[] {
  return [
    "application/json-patch+json",
    "application/merge-patch+json",
    ...(info.isCore ? ["application/strategic-merge-patch+json"] : []),
    "application/apply-patch+yaml",
  ];
}

function v3Body(operation: Operation, subject: Subject): JsonSchema {
  const { body } = operation;
  if (body === undefined) return {};
  const schema = reference(subject.dialect, bodyName(body, subject));
  const types = body === "patch" ? patchTypes(subject.info) : ["*/*"];
  const content = Object.fromEntries(types.map((type) => [type, { schema }]));
  return { requestBody: { content, ...(body === "delete" ? {} : { required: true }) } };
}

function v3Answer(schema: JsonSchema): JsonSchema {
  return { 200: { description: "OK", content: { "application/json": { schema } } } };
}

function v2Body(operation: Operation, subject: Subject, query: JsonSchema[]): JsonSchema {
  const { body } = operation;
  if (body === undefined) return { consumes: ["*/*"], parameters: query };
  const schema = reference(subject.dialect, bodyName(body, subject));
  const parameters = [
    { name: "body", in: "body", schema, ...(body === "delete" ? {} : { required: true }) },
    ...query,
  ];
  return { consumes: body === "patch" ? patchTypes(subject.info) : ["*/*"], parameters };
}

function parameter(
  dialect: Dialect,
  name: string,
  place: "path" | "query",
  type: string,
  description = `The object's ${name}.`,
): JsonSchema {
  const common = { name, in: place, description, ...(place === "path" ? { required: true } : {}) };
  const unique = { uniqueItems: true };
  return dialect === openapiV3
    ? { ...common, schema: { type, ...unique } }
    : { ...common, type, ...unique };
}

function capitalise(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
