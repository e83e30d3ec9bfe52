// ObjectMeta and its rules, as Kubernetes has them.

import type { Reporter } from "./field-error.ts";
import { byteLength, labelValueError, qualifiedNameError } from "./name.ts";
import {
  anyObject,
  boolean,
  choice,
  dateTime,
  int64,
  list,
  map,
  object,
  type Schema,
  type Static,
  string,
  withRules,
} from "./schema.ts";

const ownerReferenceSchema = object(
  "The object that owns this one; it lies in the same namespace or in none.",
  {
    apiVersion: string("API version of the owner."),
    kind: string("Kind of the owner."),
    name: string("Name of the owner."),
    uid: string("UID of the owner."),
    controller: boolean("Whether the owner manages this object; at most one may."),
    blockOwnerDeletion: boolean("Whether the owner's foreground deletion waits for this object."),
  },
  { required: ["apiVersion", "kind", "name", "uid"], atomic: true },
);

const managedFieldsEntrySchema = object("The fields that one manager has set.", {
  manager: string("Who set them."),
  operation: choice("How they were set.", ["Apply", "Update"]),
  apiVersion: string("The version the fields are of."),
  time: dateTime("When they were last set."),
  fieldsType: string("The form of fieldsV1; always FieldsV1."),
  fieldsV1: anyObject("The set of fields, as a trie of f:name, k:{keys} and v:value."),
  subresource: string("The subresource they were set through, or empty."),
});

const labels = map(
  "Keys and values to select objects by; keys are qualified names, values at most 63 characters.",
  string(""),
);
const annotations = map(
  "Keys and values that nothing selects by; at most 256 KiB together.",
  string(""),
);

const ANNOTATIONS_BYTES_MAX = 256 * 1024;

const objectMetaSchemaShape = object(
  "What every object carries: its name, identity, labels and history.",
  {
    name: string("Unique among the objects of its kind in its namespace; it cannot change."),
    generateName: string("Where name is absent: the server adds five characters to this."),
    namespace: string("The namespace the name is unique in; it cannot change."),
    uid: string("Unique for all time; set by the server."),
    resourceVersion: string(
      "The revision of the last write; a write that names an older one is refused.",
    ),
    generation: int64("Counts the changes of spec; set by the server."),
    creationTimestamp: dateTime("When it was created; set by the server."),
    deletionTimestamp: dateTime(
      "When it will be gone; set by the server on a deletion that waits.",
    ),
    deletionGracePeriodSeconds: int64("How long the deletion waits."),
    selfLink: string("No longer set."),
    labels,
    annotations,
    ownerReferences: list("The objects this one depends on.", ownerReferenceSchema, {
      listType: "map",
      keys: ["uid"],
      mergeKey: "uid",
    }),
    finalizers: list("What must be done before the object goes.", string(""), {
      listType: "set",
      mergeKey: "",
    }),
    managedFields: list("Who set which field; kept by the server.", managedFieldsEntrySchema),
  },
  { required: ["name"] },
);
export type ObjectMeta = Static<typeof objectMetaSchemaShape>;
export const objectMetaSchema: Schema<ObjectMeta> = withRules(objectMetaSchemaShape, checkMetadata);

export type OwnerReference = Static<typeof ownerReferenceSchema>;
export type ManagedFieldsEntry = Static<typeof managedFieldsEntrySchema>;

function checkMetadata(meta: ObjectMeta, report: Reporter): void {
  checkLabels(meta.labels, report.at("labels"));
  checkAnnotations(meta.annotations, report.at("annotations"));
  const controllers = (meta.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    report.invalid(
      "ownerReferences",
      meta.ownerReferences,
      "only one owner may have controller true",
    );
  }
  (meta.ownerReferences ?? []).forEach((owner, index) => {
    for (const field of ["apiVersion", "kind", "name", "uid"] as const) {
      if (owner[field] === "") {
        report.invalid(`ownerReferences[${index}].${field}`, "", "must not be empty");
      }
    }
  });
  (meta.finalizers ?? []).forEach((finalizer, index) => {
    const error = qualifiedNameError(finalizer);
    if (error !== null) report.invalid(`finalizers[${index}]`, finalizer, error);
  });
}

export function checkLabels(
  labelsOf: Readonly<Record<string, string>> | undefined,
  report: Reporter,
): void {
  for (const [key, value] of Object.entries(labelsOf ?? {})) {
    const keyError = qualifiedNameError(key);
    if (keyError !== null) report.invalid("", key, keyError);
    const valueError = labelValueError(value);
    if (valueError !== null) report.invalid("", value, valueError);
  }
}

function checkAnnotations(
  annotationsOf: Readonly<Record<string, string>> | undefined,
  report: Reporter,
): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotationsOf ?? {})) {
    const keyError = qualifiedNameError(key.toLowerCase());
    if (keyError !== null) report.invalid("", key, keyError);
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > ANNOTATIONS_BYTES_MAX) report.tooLong("", ANNOTATIONS_BYTES_MAX);
}

/** What may never change: name, namespace, uid and creationTimestamp. */
export function checkMetadataUpdate(
  meta: ObjectMeta,
  previous: ObjectMeta,
  report: Reporter,
): void {
  for (const field of ["name", "namespace", "uid", "creationTimestamp"] as const) {
    if (meta[field] !== previous[field]) report.invalid(field, meta[field], "field is immutable");
  }
}
