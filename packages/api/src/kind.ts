// What the API knows of a kind. `kinds.ts` holds one row of this per kind.

import type { Column } from "./column.ts";
import type { FieldError, ValidateOptions } from "./field-error.ts";
import type { ObjectMeta } from "./metadata.ts";
import type { Schema } from "./schema.ts";

/** Any object of the API, of a kind not known at compile time. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
}

export type Verb =
  | "create"
  | "delete"
  | "deletecollection"
  | "get"
  | "list"
  | "patch"
  | "update"
  | "watch";

export interface KindInfo<T extends ApiObject = ApiObject> {
  /** "" for the core group. */
  readonly group: string;
  /** The version that is stored. */
  readonly version: string;
  /** Every version served, the stored one first; all have the same shape. */
  readonly versions: readonly string[];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  /** One sentence, for `kubectl explain`. */
  readonly description: string;
  /** The whole object; its type is `T`. */
  readonly schema: Schema<T>;
  /** Has a `status` written only through the `/status` subresource. */
  readonly hasStatus: boolean;
  /** One of Kubernetes' own kinds: strategic merge patch is allowed, and there is no CRD. */
  readonly isCore: boolean;
  /** A name must be a DNS label (`label`), a DNS-1035 label (`service`) or a DNS subdomain. */
  readonly nameRule: "subdomain" | "label" | "service";
  /** Paths usable in field selectors, e.g. `involvedObject.name`; see `fieldValue`. */
  readonly selectableFields: readonly string[];
  /** The columns of `as=Table`; priority 1 only with `-o wide`. */
  readonly columns: readonly Column<T>[];
  /** Drops nulls and fills in defaults, in place. */
  defaults(object: ApiObject): void;
  /**
   * Every wrong field of an object with its defaults filled in, also of a value that has any shape
   * at all.
   */
  validate(object: unknown, options?: ValidateOptions): FieldError[];
  /** What may not change, beside what `validate` says of the new object alone. */
  validateUpdate(object: T, previous: T): FieldError[];
}

/** The TypeScript type of a row's objects. */
export type ObjectOfKind<I> = I extends KindInfo<infer T> ? T : never;
