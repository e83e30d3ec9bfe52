// The life of namespaces: two exist from the first start, and one that is deleted takes its content
// with it. Deleting goes on after a restart, because it acts on what the store says.

import type { ApiObject } from "@weft/api";
import { StoreError } from "../store/store.ts";
import { keyPrefix } from "./catalog.ts";
import { decodeStored } from "./codec.ts";
import {
  changeObject,
  createObject,
  deleteObject,
  lastingNamespaces,
  type Workspace,
  type WriteContext,
} from "./operations.ts";
import { StatusError } from "./status.ts";

export interface NamespaceKeeper {
  /** Creates what must exist; from then on finishes deletions. */
  begin(): Promise<void>;
  close(): void;
}

const manager = "weft-namespaces";
/**
 * Before content goes: `kubectl delete -f` of a file that begins with its namespace shall still
 * find the rest.
 */
const graceMs = 1000;
/** Between looks at content that waits for its finalizers, and after a failed write. */
const retryMs = 1000;
/** Objects deleted at once: one transaction each group. */
const groupCount = 100;

export function createNamespaceKeeper(workspace: Workspace): NamespaceKeeper {
  const info = workspace.catalog.ofKind("Namespace");
  if (info === null) return { begin: async () => {}, close: () => {} };
  const prefix = keyPrefix(info, null);
  const context: WriteContext = {
    info,
    version: info.version,
    namespace: null,
    manager,
    subresource: "",
    isDryRun: false,
  };
  const going = new Set<string>();
  let isClosed = false;
  let watch: { close(): void } | null = null;

  const look = (namespace: ApiObject): void => {
    const { name, deletionTimestamp } = namespace.metadata;
    if (deletionTimestamp === undefined || isClosed || going.has(name)) return;
    going.add(name);
    workspace.runtime.timers.after(graceMs, () => void finish(name), { background: true });
  };

  const finish = async (name: string): Promise<void> => {
    let isDone = false;
    try {
      isDone = await removeNamespace(workspace, context, name);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      workspace.runtime.log.warn("namespace cannot be removed yet", { namespace: name, why });
    }
    if (isDone || isClosed) {
      going.delete(name);
      return;
    }
    workspace.runtime.timers.after(retryMs, () => void finish(name), { background: true });
  };

  const follow = (fromRevision: number): void => {
    watch = workspace.store.watch(
      { prefix, fromRevision },
      {
        onEvent: (event) => {
          if (event.type === "put") look(decodeStored(event.object));
        },
        onEnd: (reason) => {
          if (reason === "compacted") void readAll();
        },
      },
    );
  };

  const readAll = async (): Promise<void> => {
    const list = await workspace.store.list({ prefix });
    if (isClosed) return;
    follow(list.revision);
    for (const item of list.items) look(decodeStored(item));
  };

  return {
    async begin() {
      await Promise.all(lastingNamespaces.map((name) => ensureNamespace(workspace, context, name)));
      await readAll();
    },
    close() {
      isClosed = true;
      watch?.close();
    },
  };
}

async function ensureNamespace(
  workspace: Workspace,
  context: WriteContext,
  name: string,
): Promise<void> {
  const { info } = context;
  try {
    await createObject(workspace, context, {
      apiVersion: info.version,
      kind: info.kind,
      metadata: { name },
    });
  } catch (error) {
    if (error instanceof StatusError && error.reason === "AlreadyExists") return;
    // A store that cannot be written is said elsewhere; what it holds is served all the same.
    if (error instanceof StoreError && error.code === "unavailable") return;
    throw error;
  }
}

/** True once the namespace itself is gone. */
async function removeNamespace(
  workspace: Workspace,
  context: WriteContext,
  name: string,
): Promise<boolean> {
  const isMarked = await markTerminating(workspace, context, name);
  if (!isMarked) return true;
  const remaining = await removeContent(workspace, context, name);
  if (remaining > 0) return false;
  try {
    await workspace.store.delete(keyPrefix(context.info, null) + name);
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "not-found")) throw error;
  }
  return true;
}

/**
 * Says in the status that content is being deleted. This write is also a fence: a create that saw
 * the namespace before it was marked was queued before this, so the list that follows shows it.
 */
async function markTerminating(
  workspace: Workspace,
  context: WriteContext,
  name: string,
): Promise<boolean> {
  try {
    await changeObject(workspace, { ...context, subresource: "status" }, name, (standing) => {
      if (standing === null) throw new StatusError(404, "NotFound", `no namespace ${name}`);
      const condition = {
        type: "NamespaceContentRemaining",
        status: "True",
        reason: "SomeResourcesRemain",
        message: "objects of the namespace are being deleted",
        lastTransitionTime: standing.metadata.deletionTimestamp ?? "",
      };
      const status = { phase: "Terminating", conditions: [condition] };
      return { object: { ...standing, status }, managedFields: null };
    });
    return true;
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return false;
    throw error;
  }
}

/** Deletes what can be; answers how much is left waiting for finalizers. */
async function removeContent(
  workspace: Workspace,
  context: WriteContext,
  namespace: string,
): Promise<number> {
  let remaining = 0;
  for (const info of workspace.catalog.kinds) {
    if (!info.namespaced) continue;
    const list = await workspace.store.list({ prefix: keyPrefix(info, namespace) });
    for (let at = 0; at < list.items.length; at += groupCount) {
      const group = list.items.slice(at, at + groupCount).map(decodeStored);
      const gone = await Promise.all(
        group.map((object) =>
          removeOne(workspace, { ...context, info, version: info.version, namespace }, object),
        ),
      );
      remaining += gone.filter((isGone) => !isGone).length;
    }
  }
  return remaining;
}

async function removeOne(
  workspace: Workspace,
  context: WriteContext,
  object: ApiObject,
): Promise<boolean> {
  const preconditions = { uid: object.metadata.uid ?? null, resourceVersion: null };
  try {
    return (await deleteObject(workspace, context, object.metadata.name, preconditions)).isGone;
  } catch (error) {
    if (error instanceof StatusError && error.code === 404) return true;
    throw error;
  }
}
