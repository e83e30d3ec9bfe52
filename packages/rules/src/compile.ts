// From xDS resources to rows, resource by resource: what did not change keeps its row object. Compiling never
// throws; what cannot be done is an error that names resource, field and reason. `proxy/config/check.ts`
// refuses a response with any error, so in a worker the list is always empty.

import type { ClusterRow, SecretRow } from "./cluster-table.ts";
import type { EndpointTable } from "./endpoint-table.ts";
import type { RouteTable } from "./route-table.ts";
import type { ListenerRow } from "./tables.ts";

/** One resource as it came: `resource` is the encoded message, without the Any around it. */
export interface ResourceBytes {
  readonly name: string;
  readonly version: string;
  readonly resource: Uint8Array;
}

/** One delta response. */
export interface ResourceChange {
  readonly typeUrl: string;
  readonly changed: readonly ResourceBytes[];
  readonly removed: readonly string[];
}

export interface CompileError {
  /** `Cluster catalog.shop.svc.cluster.local:80` */
  readonly resource: string;
  /** Path of the field in proto names: `circuit_breakers.thresholds[0].max_requests`; "" for the whole. */
  readonly field: string;
  readonly reason: string;
}

/** Everything a worker runs by. Immutable: a change makes new tables that share the unchanged rows. */
export interface Tables {
  readonly listeners: ReadonlyMap<string, ListenerRow>;
  readonly routes: ReadonlyMap<string, RouteTable>;
  readonly clusters: ReadonlyMap<string, ClusterRow>;
  readonly endpoints: ReadonlyMap<string, EndpointTable>;
  readonly secrets: ReadonlyMap<string, SecretRow>;
}

export const emptyTables: Tables = Object.freeze({
  listeners: new Map(),
  routes: new Map(),
  clusters: new Map(),
  endpoints: new Map(),
  secrets: new Map(),
});

export interface Compiled {
  readonly tables: Tables;
  /** Where it is not empty, `tables` lack the refused resources and must not be used. */
  readonly errors: readonly CompileError[];
}

/** Applies whole changes at once. */
export function compileChanges(tables: Tables, changes: readonly ResourceChange[]): Compiled {
  const compilation = new Compilation(tables, changes);
  compilation.step(() => true);
  return { tables: compilation.tables, errors: compilation.errors };
}

/** The same in slices, so that a first snapshot does not hold up requests. */
export class Compilation {
  readonly errors: CompileError[] = [];
  readonly #tables: Tables;

  constructor(tables: Tables, _changes: readonly ResourceChange[]) {
    this.#tables = tables;
  }

  /** Works until `mayGoOn` says no (asked about every tenth of a millisecond); true when all is done. */
  step(_mayGoOn: () => boolean): boolean {
    throw new Error("not built yet");
  }

  /** Valid once `step` answered true. */
  get tables(): Tables {
    return this.#tables;
  }
}
