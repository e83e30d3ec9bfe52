// Typed access to stored objects for the control plane's own writers (registry, publish, CA) and
// its model. The same checks, defaults, generations and managed fields as the REST API, without
// HTTP. Failures are `StatusError`s.

import type { ApiObject } from "@weft/api";

export interface WriteOptions {
  /** Who writes, as recorded in `managedFields`; e.g. `weft-registry`. */
  readonly fieldManager: string;
}

interface DeleteOptions {
  /** Delete only the object with this uid; another one of the same name stays (409). */
  readonly uid?: string;
}

interface ObjectList<T> {
  readonly items: readonly T[];
  /** The store revision the list was read at. */
  readonly resourceVersion: string;
}

/** What an Event is about. */
export interface InvolvedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid?: string;
}

export interface EventText {
  readonly type: "Normal" | "Warning";
  /** One CamelCase word, e.g. `EndpointsKept`. */
  readonly reason: string;
  readonly message: string;
  /** The part of the control plane that says so, e.g. `weft-registry`. */
  readonly component: string;
}

export type ObjectEvent =
  | {
      readonly type: "put";
      readonly kind: string;
      /** Shared and frozen by custom: never change it. */
      readonly object: ApiObject;
      readonly previous: ApiObject | null;
      readonly revision: number;
    }
  | {
      readonly type: "delete";
      readonly kind: string;
      /** As it last stood. */
      readonly object: ApiObject;
      readonly revision: number;
    };

/**
 * `kind` is the CamelCase name (`HTTPRoute`); `namespace` is null for cluster-scoped kinds. Objects
 * handed out are shared: copy before changing (`structuredClone`), except inside `patchStatus` and
 * `change`, which hand out a copy.
 */
export interface Objects {
  get<T extends ApiObject>(kind: string, namespace: string | null, name: string): Promise<T | null>;
  /** All of a kind, or those of one namespace, in key order. */
  list<T extends ApiObject>(kind: string, namespace?: string | null): Promise<ObjectList<T>>;
  /**
   * Rejects with 409 AlreadyExists, 422 Invalid, 404 when the namespace is missing, 503 when the
   * store is read-only.
   */
  create<T extends ApiObject>(object: T, options: WriteOptions): Promise<T>;
  /**
   * Replaces all but `status`. With metadata.resourceVersion: 409 Conflict unless it is the stored
   * one.
   */
  update<T extends ApiObject>(object: T, options: WriteOptions): Promise<T>;
  /**
   * Reads, lets `mutate` edit all but the status, writes; repeats on conflict. Null when there is
   * no such object.
   */
  change<T extends ApiObject>(
    kind: string,
    namespace: string | null,
    name: string,
    mutate: (object: T) => void,
    options: WriteOptions,
  ): Promise<T | null>;
  /**
   * As `change` for `status`; everything else `mutate` does is dropped. Nothing is written when
   * nothing changed.
   */
  patchStatus<T extends ApiObject>(
    kind: string,
    namespace: string | null,
    name: string,
    mutate: (object: T) => void,
    options?: WriteOptions,
  ): Promise<T | null>;
  /** What was deleted, or null when there was no such object. */
  delete<T extends ApiObject>(
    kind: string,
    namespace: string | null,
    name: string,
    options?: DeleteOptions,
  ): Promise<T | null>;
  /**
   * Records an Event; the same text about the same object is counted, not repeated. Never rejects.
   */
  event(involved: InvolvedObject, text: EventText): Promise<void>;
  /**
   * Every object of every kind from one consistent list as `put` events, then `onSynced(revision)`,
   * then every change in revision order. If history is lost the differences are delivered as
   * events: the consumer never starts again.
   */
  watchAll(
    onEvent: (event: ObjectEvent) => void,
    onSynced: (revision: number) => void,
  ): { close(): void };
  /** The newest revision of the store. */
  revision(): number;
}
