// What can be done to objects: create, read, change, delete, with optimistic concurrency over the
// store. The REST verbs and the control plane's own writers (`Objects`) both come through here.

import type { ApiObject, KindInfo } from "@weft/api";
import type { Runtime } from "@weft/runtime";
import { type ResourceStore, StoreError } from "../store/store.ts";
import { trackUpdate, type Writer } from "./apply/managed-fields.ts";
import { apiVersionOf, type Catalog, keyOf } from "./catalog.ts";
import { decodeStored, encodeStored, isDeepEqual, rememberDecoded } from "./codec.ts";
import { prepareCreate, prepareUpdate, type Rules, timestamp } from "./prepare.ts";
import {
  alreadyExists,
  conflict,
  forbidden,
  notFound,
  type StatusError,
  unavailable,
} from "./status.ts";

export type { ObjectEvent, Objects } from "./objects.ts";

/** Everything an operation works on. */
export interface Workspace extends Rules {
  readonly runtime: Runtime;
  readonly store: ResourceStore;
  readonly catalog: Catalog;
}

/** Which object, and who writes how. */
export interface WriteContext {
  readonly info: KindInfo;
  /** The served version the request was made in. */
  readonly version: string;
  readonly namespace: string | null;
  readonly manager: string;
  readonly subresource: "" | "status";
  readonly isDryRun: boolean;
}

/** What a change makes of what stands; `managedFields` null: whatever the writer touched is its. */
export interface Proposal {
  readonly object: ApiObject;
  readonly managedFields: ApiObject["metadata"]["managedFields"] | null;
}

/** How often a write is tried again when another one came first, or a generated name was taken. */
const attemptsMax = 12;

export async function readObject(
  workspace: Workspace,
  info: KindInfo,
  namespace: string | null,
  name: string,
): Promise<ApiObject | null> {
  const stored = await workspace.store.get(keyOf(info, namespace, name));
  return stored === null ? null : decodeStored(stored);
}

export async function createObject(
  workspace: Workspace,
  context: WriteContext,
  given: ApiObject,
  managedFields: Proposal["managedFields"] = null,
): Promise<ApiObject> {
  const { info, namespace } = context;
  const isGenerated = (given.metadata.name ?? "") === "";
  for (let attempt = 1; ; attempt++) {
    const object = prepareCreate(workspace, info, namespace, given);
    const writer = writerOf(workspace, context, "Update");
    object.metadata.managedFields = managedFields ?? trackUpdate(info, null, object, writer);
    const { name } = object.metadata;
    if (namespace !== null) await requireNamespace(workspace, namespace);
    const key = keyOf(info, namespace, name);
    if (context.isDryRun) {
      if ((await workspace.store.get(key)) !== null) throw alreadyExists(info, name);
      return object;
    }
    try {
      const stored = await workspace.store.create(key, encodeStored(object));
      return rememberDecoded(stored, object);
    } catch (error) {
      if (!(error instanceof StoreError && error.code === "exists")) throw error;
      if (!isGenerated || attempt >= attemptsMax) throw alreadyExists(info, name);
    }
  }
}

/** Nothing is created where no namespace is, or in one that is going. */
async function requireNamespace(workspace: Workspace, namespace: string): Promise<void> {
  const info = workspace.catalog.ofKind("Namespace");
  if (info === null) return;
  const found = await readObject(workspace, info, null, namespace);
  if (found === null) throw notFound(info, namespace);
  if (found.metadata.deletionTimestamp !== undefined) {
    throw forbidden(
      `unable to create new content in namespace ${namespace} because it is being terminated`,
    );
  }
}

/**
 * Reads, lets `edit` propose, writes; begins again when another write came first, unless the
 * proposal itself names a resourceVersion. `edit` gets the object in the stored version; null where
 * there is none, and what it then proposes is created. Nothing is written when nothing changes.
 */
export async function changeObject(
  workspace: Workspace,
  context: WriteContext,
  name: string,
  edit: (standing: ApiObject | null) => Proposal,
): Promise<{ object: ApiObject; isCreated: boolean }> {
  const { info, namespace } = context;
  const key = keyOf(info, namespace, name);
  for (let attempt = 1; ; attempt++) {
    const stored = await workspace.store.get(key);
    const standing = stored === null ? null : decodeStored(stored);
    const proposal = edit(standing);
    try {
      if (stored === null || standing === null) {
        const object = await createProposed(workspace, context, name, proposal);
        return { object, isCreated: true };
      }
      const object = prepareChange(workspace, context, standing, proposal);
      if (isDeepEqual(object, standing)) return { object: standing, isCreated: false };
      if (context.isDryRun) return { object, isCreated: false };
      if (isReadyToGo(object)) {
        await workspace.store.delete(key, stored.modRevision);
        return { object, isCreated: false };
      }
      const bytes = encodeStored(object);
      const written = await workspace.store.update(key, bytes, stored.modRevision);
      return { object: rememberDecoded(written, object), isCreated: false };
    } catch (error) {
      if (!isRace(error)) throw error;
      if (attempt >= attemptsMax) throw conflict(info, name);
    }
  }
}

async function createProposed(
  workspace: Workspace,
  context: WriteContext,
  name: string,
  proposal: Proposal,
): Promise<ApiObject> {
  const { metadata } = proposal.object;
  if ((metadata.resourceVersion ?? "") !== "" || context.subresource !== "") {
    throw notFound(context.info, name);
  }
  return createObject(workspace, context, proposal.object, proposal.managedFields);
}

function prepareChange(
  workspace: Workspace,
  context: WriteContext,
  standing: ApiObject,
  proposal: Proposal,
): ApiObject {
  const { info, subresource } = context;
  const object = prepareUpdate(workspace, info, standing, proposal.object, subresource);
  const writer = writerOf(workspace, context, "Update");
  object.metadata.managedFields =
    proposal.managedFields ?? trackUpdate(info, standing, object, writer);
  return object;
}

/** Another write came between reading and writing. */
function isRace(error: unknown): boolean {
  return (
    error instanceof StoreError &&
    (error.code === "conflict" || error.code === "not-found" || error.code === "exists")
  );
}

/** Marked as deleted, and nobody has left to finish anything. */
function isReadyToGo({ kind, metadata }: ApiObject): boolean {
  const isWaiting = (metadata.finalizers ?? []).length > 0 || kind === "Namespace";
  return metadata.deletionTimestamp !== undefined && !isWaiting;
}

export function writerOf(
  workspace: Workspace,
  context: WriteContext,
  operation: Writer["operation"],
): Writer {
  return {
    manager: context.manager,
    operation,
    apiVersion: apiVersionOf(context.info.group, context.version),
    subresource: context.subresource,
    time: timestamp(workspace.runtime),
  };
}

export interface DeletePreconditions {
  readonly uid: string | null;
  readonly resourceVersion: string | null;
}

export interface Deleted {
  readonly object: ApiObject;
  /** False: it stays, marked, until its finalizers are done. */
  readonly isGone: boolean;
}

/** Throws 404 and 409. */
export async function deleteObject(
  workspace: Workspace,
  context: WriteContext,
  name: string,
  preconditions: DeletePreconditions,
): Promise<Deleted> {
  const { info, namespace } = context;
  const key = keyOf(info, namespace, name);
  for (let attempt = 1; ; attempt++) {
    const stored = await workspace.store.get(key);
    if (stored === null) throw notFound(info, name);
    const object = decodeStored(stored);
    checkDelete(info, object, preconditions);
    const marked = markedForDeletion(workspace, object);
    try {
      if (marked === null) {
        if (!context.isDryRun) await workspace.store.delete(key, stored.modRevision);
        else refuseReadOnly(workspace);
        return { object, isGone: true };
      }
      if (marked === object || context.isDryRun) return { object: marked, isGone: false };
      const bytes = encodeStored(marked);
      const written = await workspace.store.update(key, bytes, stored.modRevision);
      return { object: rememberDecoded(written, marked), isGone: false };
    } catch (error) {
      if (!isRace(error)) throw error;
      if (attempt >= attemptsMax) throw conflict(info, name);
    }
  }
}

function refuseReadOnly(workspace: Workspace): void {
  const reason = workspace.store.readOnlyReason();
  if (reason !== null) throw unavailable(reason);
}

function checkDelete(info: KindInfo, object: ApiObject, wanted: DeletePreconditions): void {
  const { name, uid, resourceVersion } = object.metadata;
  const failed = (what: string, asked: string, found: string | undefined): StatusError =>
    conflict(
      info,
      name,
      `Precondition failed: ${what} in precondition: ${asked}, ${what} in object meta: ${found}`,
    );
  if (wanted.uid !== null && wanted.uid !== uid) throw failed("UID", wanted.uid, uid);
  if (wanted.resourceVersion !== null && wanted.resourceVersion !== resourceVersion) {
    throw failed("ResourceVersion", wanted.resourceVersion, resourceVersion);
  }
  if (info.kind === "Namespace" && lastingNamespaces.includes(name)) {
    throw forbidden(`namespaces "${name}" is forbidden: this namespace may not be deleted`);
  }
}

/** They exist from the first start on. */
export const lastingNamespaces: readonly string[] = ["default", "weft-system"];

/** The object with its mark; itself when it has one; null when it can go at once. */
function markedForDeletion(workspace: Workspace, object: ApiObject): ApiObject | null {
  const { kind, metadata } = object;
  if ((metadata.finalizers ?? []).length === 0 && kind !== "Namespace") return null;
  if (metadata.deletionTimestamp !== undefined) return object;
  const deletionTimestamp = timestamp(workspace.runtime);
  const marked: ApiObject = {
    ...object,
    metadata: { ...metadata, deletionTimestamp, deletionGracePeriodSeconds: 0 },
  };
  if (kind === "Namespace")
    marked.status = { ...(object.status as object | undefined), phase: "Terminating" };
  return marked;
}
