// The command line's access to objects: the API's client, kinds as people type them, refusals told
// in full.

import {
  ApiError,
  type ApiClient,
  type ApiObject,
  createApiClient,
  findKindByWord,
  type KindInfo,
  storedKinds,
} from "@weft/api";
import { type CliContext, resolveServer } from "./context.ts";
import { reach } from "./control-api.ts";
import { CliFailure, usageFailure } from "./failure.ts";

const fieldManager = "weft";

export interface ObjectsFlags {
  server?: string;
}

export function openClient(context: CliContext, flags: ObjectsFlags): ApiClient {
  const server = resolveServer(context, flags.server);
  return createApiClient({
    server,
    fieldManager,
    fetch: (input, init) => reach(server, () => fetch(input, init)),
  });
}

/** What `weft get all` shows. */
const allWords = [
  "workloads",
  "services",
  "httproutes",
  "gateways",
  "trafficpolicies",
  "peerauthentications",
];

/** `services`, `svc,workloads`, `all`. */
export function resolveKinds(words: string): KindInfo[] {
  const list = words === "all" ? allWords : words.split(",");
  return list.map((word) => {
    const info = findKindByWord(word);
    if (info !== undefined) return info;
    const names = storedKinds.map((kind) => kind.plural).join(", ");
    throw usageFailure(`there is no kind "${word}"`, `Kinds: ${names}.`);
  });
}

/**
 * Runs one API call; what the API refuses becomes a failure with every field error on a line of its
 * own.
 */
export async function told<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw refusal(what, error);
  }
}

export function refusal(what: string, error: ApiError): CliFailure {
  const causes = error.status.details?.causes ?? [];
  const lines = causes.map((cause) => `  ${cause.field ?? ""}: ${cause.message}`);
  const message = lines.length === 0 ? error.message : `${error.message}\n${lines.join("\n")}`;
  return new CliFailure({
    code: error.status.reason ?? "request-refused",
    message: what === "" ? message : `${what}: ${message}`,
    hint: hintFor(error),
    cause: error,
  });
}

function hintFor(error: ApiError): string {
  if (
    error.code === 409 &&
    error.status.details?.causes?.some((c) => c.reason === "FieldManagerConflict")
  ) {
    return "Another manager owns these fields; take them over with --force-conflicts.";
  }
  if (error.code === 404) return "List what exists with `weft get`.";
  if (error.code === 422)
    return "Correct the fields named above; `kubectl explain` describes them.";
  return "";
}

/** `service/catalog`, `httproute.gateway.networking.k8s.io/catalog`: as kubectl names objects. */
export function nameOf(info: KindInfo, object: Pick<ApiObject, "metadata">): string {
  const group = info.group === "" ? "" : `.${info.group}`;
  return `${info.singular}${group}/${object.metadata.name}`;
}
