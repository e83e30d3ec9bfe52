// Puts a registration into the store: the Namespace, ServiceAccount and Service it needs, where the
// caller may create them, and its Workload (design section 5, "First contact").

import { isDeepStrictEqual } from "node:util";
import {
  REGISTERED_ANNOTATION,
  type Namespace,
  type Service,
  type ServiceAccount,
  type Workload,
} from "@weft/api";
import type { Runtime } from "@weft/runtime";
import type { Register } from "@weft/xds/messages/weft/v1/agent.js";
import { asMeshError, MeshError } from "../errors.ts";
import type { Objects } from "../rest/operations.ts";
import { statusOf } from "../rest/status.ts";
import {
  registeredByAgent,
  serviceFor,
  serviceWarnings,
  workloadFor,
  workloadName,
} from "./registration.ts";
import { setReady } from "./workload-report.ts";

export interface EnrolOptions {
  readonly runtime: Runtime;
  readonly objects: Pick<Objects, "get" | "create" | "change" | "patchStatus">;
}

/** Who writes, as `managedFields` and events name it. */
export const registryManager = "weft-registry";

const writer = { fieldManager: registryManager };

/** What the store or the API refused, as the agent hears it. */
export function enrolError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown;
  const { code, message = "" } = statusOf(thrown);
  const options = { cause: thrown };
  if (code === 503) return new MeshError("store-read-only", message, options);
  if (code === 422) return new MeshError("registration-invalid", message, options);
  if (code === 403) return new MeshError("registration-not-allowed", message, options);
  return asMeshError(thrown);
}

/** Makes what the registration needs beside its Workload; answers warnings. */
export async function enrolSurroundings(
  options: EnrolOptions,
  register: Register,
  mayCreate: boolean,
): Promise<string[]> {
  const { namespace, serviceAccount } = register;
  const ensure = { options, mayCreate: mayCreate && register.create };
  const namespaceObject: Namespace = {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: namespace },
  };
  await ensureObject(ensure, namespaceObject, null);
  const account: ServiceAccount = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: serviceAccount, namespace },
  };
  await ensureObject(ensure, account, namespace);
  return ensureService(ensure, register);
}

/** A name for the workload: the agent's, or a free one of our making. */
export async function chooseWorkloadName(
  options: EnrolOptions,
  register: Register,
): Promise<string> {
  for (;;) {
    const name = workloadName(register, options.runtime.random);
    if (register.workload !== "") return name;
    if ((await options.objects.get("Workload", register.namespace, name)) === null) return name;
  }
}

/**
 * Writes the Workload. One that stands already keeps its status: an agent that returns after the
 * control plane was away is as ready as it was.
 */
export async function enrolWorkload(
  options: EnrolOptions,
  register: Register,
  name: string,
  address: string,
): Promise<void> {
  const { objects, runtime } = options;
  const { namespace } = register;
  const wanted = workloadFor(register, name, address);
  for (;;) {
    const standing = await objects.get<Workload>("Workload", namespace, name);
    if (standing === null) {
      if (await createUnlessThere(options, wanted)) break;
      continue;
    }
    refuseForeign(standing, register);
    if (isAsWanted(standing, wanted)) return;
    const changed = await objects.change<Workload>(
      "Workload",
      namespace,
      name,
      (workload) => {
        workload.metadata.labels = { ...workload.metadata.labels, ...wanted.metadata.labels };
        workload.spec = wanted.spec;
      },
      writer,
    );
    if (changed !== null) return;
  }
  await objects.patchStatus<Workload>(
    "Workload",
    namespace,
    name,
    (workload) => {
      const message = "its health check has not passed yet";
      const ready = { status: "False", reason: "NotCheckedYet", message } as const;
      setReady(workload, ready, runtime.clock.nowMs());
    },
    writer,
  );
}

/** A name may be taken over only by the identity that registered it. */
function refuseForeign(standing: Workload, register: Register): void {
  const { name } = standing.metadata;
  const { namespace, serviceAccount } = register;
  if (standing.metadata.annotations?.[REGISTERED_ANNOTATION] !== registeredByAgent) {
    throw new MeshError(
      "workload-taken",
      `the Workload ${namespace}/${name} was not made by an agent and is left as it is`,
    );
  }
  if (standing.spec.serviceAccount !== serviceAccount) {
    throw new MeshError(
      "workload-taken",
      `the Workload ${namespace}/${name} belongs to the service account ` +
        `${standing.spec.serviceAccount ?? "default"}, not to ${serviceAccount}`,
    );
  }
}

/** Agents that come back all at once after a restart write nothing. */
function isAsWanted(standing: Workload, wanted: Workload): boolean {
  const labels = { ...standing.metadata.labels, ...wanted.metadata.labels };
  return (
    isDeepStrictEqual(standing.spec, wanted.spec) &&
    isDeepStrictEqual(standing.metadata.labels, labels)
  );
}

interface Ensure {
  readonly options: EnrolOptions;
  readonly mayCreate: boolean;
}

async function ensureObject(
  ensure: Ensure,
  object: Namespace | ServiceAccount,
  namespace: string | null,
): Promise<void> {
  const { kind } = object;
  const { name } = object.metadata;
  if ((await ensure.options.objects.get(kind, namespace, name)) !== null) return;
  if (!ensure.mayCreate) {
    const shown = namespace === null ? name : `${namespace}/${name}`;
    const message = `the ${kind} ${shown} does not exist, and this caller may not create it`;
    throw new MeshError("registration-not-allowed", message);
  }
  await createUnlessThere(ensure.options, object);
}

async function ensureService(ensure: Ensure, register: Register): Promise<string[]> {
  const wanted = serviceFor(register);
  if (wanted === null) return [];
  const { name } = wanted.metadata;
  const { objects } = ensure.options;
  const standing = await objects.get<Service>("Service", register.namespace, name);
  if (standing !== null) return serviceWarnings(standing, register);
  if (ensure.mayCreate) {
    await createUnlessThere(ensure.options, wanted);
    return [];
  }
  const shown = `${register.namespace}/${name}`;
  return [
    `the Service ${shown} does not exist, and this caller may not create it: nobody can call it`,
  ];
}

/** False when another writer was faster. */
async function createUnlessThere(
  options: EnrolOptions,
  object: Namespace | ServiceAccount | Service | Workload,
): Promise<boolean> {
  try {
    await options.objects.create(object, writer);
    return true;
  } catch (error) {
    if (statusOf(error).reason === "AlreadyExists") return false;
    throw error;
  }
}
