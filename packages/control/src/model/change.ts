// What a batch of events made stale, in the compiler's units. Collected by `apply-event.ts`,
// consumed by `compile/compile.ts` and `publish/conditions.ts`.

import type { ModelKind, ObjectKey } from "./model.ts";

export interface Change {
  /** Everything is stale: the mesh-wide settings changed. */
  isEverything: boolean;
  /** Services whose endpoints must be compiled again. */
  readonly endpoints: Set<ObjectKey>;
  /** Services whose clusters must be compiled again. */
  readonly clusters: Set<ObjectKey>;
  /** Services whose virtual hosts must be compiled again. */
  readonly virtualHosts: Set<ObjectKey>;
  /** Workloads whose inbound side must be compiled again. */
  readonly inbound: Set<ObjectKey>;
  /** Objects whose conditions must be judged again, `<Kind>/<namespace>/<name>`. */
  readonly judged: Set<string>;
}

export function emptyChange(): Change {
  return {
    isEverything: false,
    endpoints: new Set(),
    clusters: new Set(),
    virtualHosts: new Set(),
    inbound: new Set(),
    judged: new Set(),
  };
}

export function judgedKey(kind: ModelKind, key: ObjectKey): string {
  return `${kind}/${key}`;
}
