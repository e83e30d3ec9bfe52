// PATCH in its four forms, each as an edit of what stands: JSON patch, merge patch, strategic merge
// patch (core kinds) and server-side apply.

import type { ApiObject } from "@weft/api";
import { applyObject } from "./apply/apply.ts";
import { copyJson } from "./codec.ts";
import { decodeJson, decodeObject, isFields } from "./body.ts";
import { type Addressee, checkGiven, decodeGiven } from "./given-object.ts";
import { applyJsonPatch } from "./json-patch.ts";
import { applyMergePatch } from "./merge-patch.ts";
import { type Proposal, type WriteContext, type Workspace, writerOf } from "./operations.ts";
import type { FieldValidation } from "./parameters.ts";
import { badRequest, invalid, notFound, unsupportedMediaType } from "./status.ts";
import { applyStrategicMerge } from "./strategic-merge.ts";
import { inVersion } from "./table.ts";

export interface PatchRequest {
  readonly type: string;
  readonly body: Uint8Array;
  readonly name: string;
  readonly validation: FieldValidation;
  readonly isForced: boolean;
  /** Whether `fieldManager` was given; an apply must say who applies. */
  readonly hasManager: boolean;
}

export interface Patch {
  /** Proposes the patched object; throws what the patch cannot do. */
  edit(standing: ApiObject | null): Proposal;
  /** For Warning headers, once `edit` has run. */
  warnings(): readonly string[];
}

const patchTypes = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];

export function patchOf(workspace: Workspace, context: WriteContext, request: PatchRequest): Patch {
  const { info, version, namespace } = context;
  const addressee: Addressee = { info, version, namespace, name: request.name };
  switch (request.type) {
    case "application/json-patch+json": {
      const operations = decodeJson(request.body);
      return patchWith(context, addressee, request, (document) =>
        applyJsonPatch(document, operations),
      );
    }
    case "application/merge-patch+json": {
      const { value } = decodeObject(request.body, request.type);
      return patchWith(context, addressee, request, (document) => applyMergePatch(document, value));
    }
    case "application/strategic-merge-patch+json": {
      if (!info.isCore) throw refuseType(request.type, info.plural);
      const { value } = decodeObject(request.body, request.type);
      return patchWith(context, addressee, request, (document) => {
        return isFields(document) ? applyStrategicMerge(info.schema, document, value) : value;
      });
    }
    case "application/apply-patch+yaml":
      return applyPatch(workspace, context, addressee, request);
    default:
      throw refuseType(request.type, info.plural);
  }
}

function refuseType(type: string, plural: string): Error {
  const accepted = patchTypes.filter((one) => one !== type).join(", ");
  return unsupportedMediaType(
    `the body of the request was in an unknown format (${type === "" ? "none" : type}) - ` +
      `accepted media types for ${plural} include: ${accepted}`,
  );
}

function patchWith(
  context: WriteContext,
  addressee: Addressee,
  request: PatchRequest,
  run: (document: unknown) => unknown,
): Patch {
  const { info, version } = context;
  let warnings: readonly string[] = [];
  return {
    edit(standing) {
      if (standing === null) throw notFound(info, request.name);
      const patched = run(copyJson(inVersion(info, version, standing)));
      if (!isFields(patched)) throw badRequest("the patch leaves no object");
      const given = checkGiven(patched, [], addressee, request.validation);
      ({ warnings } = given);
      return { object: given.object, managedFields: null };
    },
    warnings: () => warnings,
  };
}

function applyPatch(
  workspace: Workspace,
  context: WriteContext,
  addressee: Addressee,
  request: PatchRequest,
): Patch {
  const { info, subresource } = context;
  if (!request.hasManager) {
    throw invalid("PatchOptions", "meta.k8s.io", "", [
      {
        path: "fieldManager",
        reason: "FieldValueRequired",
        message: "Required value: is required for apply patch",
      },
    ]);
  }
  const given = decodeGiven(request.body, request.type, addressee, request.validation);
  const { object } = given;
  if ((object.metadata.managedFields ?? []).length > 0) {
    throw badRequest("metadata.managedFields must be nil");
  }
  const { resourceVersion, uid } = object.metadata;
  dropUnapplied(object, info.hasStatus, subresource);
  return {
    edit(standing) {
      const writer = writerOf(workspace, context, "Apply");
      const wanted = { ...object, apiVersion: standing?.apiVersion ?? object.apiVersion };
      const applied = applyObject(info, standing, wanted, writer, request.isForced);
      const metadata = {
        ...applied.object.metadata,
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(uid === undefined ? {} : { uid }),
      };
      return { object: { ...applied.object, metadata }, managedFields: applied.managedFields };
    },
    warnings: () => given.warnings,
  };
}

/** What an apply cannot set, so that nobody comes to own it. */
function dropUnapplied(object: ApiObject, hasStatus: boolean, subresource: string): void {
  const { metadata } = object;
  delete metadata.resourceVersion;
  delete metadata.uid;
  delete metadata.creationTimestamp;
  delete metadata.generation;
  delete metadata.managedFields;
  if (!hasStatus) return;
  if (subresource === "") delete object.status;
  else delete object.spec;
}
