// From xDS resources to rows, resource by resource: what did not change keeps its row object.
// Compiling never throws; what cannot be done is an error that names resource, field and reason.
// `proxy/config/check.ts` refuses a response with any error, so in a worker the list is always
// empty.

import type { ClusterRow, SecretRow } from "./cluster-table.ts";
import { compileCluster } from "./compile-clusters.ts";
import { compileEndpoints } from "./compile-endpoints.ts";
import { compileListener } from "./compile-listeners.ts";
import { compileRoutes } from "./compile-routes.ts";
import { compileSecret } from "./compile-tls.ts";
import type { EndpointTable } from "./endpoint-table.ts";
import type { RouteTable } from "./route-table.ts";
import { type CompileError, Scope } from "./scope.ts";
import type { ListenerRow } from "./tables.ts";

export type { CompileError };

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

/**
 * Everything a worker runs by. Immutable: a change makes new tables that share the unchanged rows.
 */
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
  #tables: Tables;
  readonly #steps: Generator<undefined, void>;

  constructor(tables: Tables, changes: readonly ResourceChange[]) {
    this.#tables = tables;
    this.#steps = this.#run(changes);
  }

  /** Works until `mayGoOn` says no (it is asked every few microseconds); true when all is done. */
  step(mayGoOn: () => boolean): boolean {
    do {
      if (this.#steps.next().done === true) return true;
    } while (mayGoOn());
    return false;
  }

  /** Valid once `step` answered true. */
  get tables(): Tables {
    return this.#tables;
  }

  *#run(changes: readonly ResourceChange[]): Generator<undefined, void> {
    for (const change of changes) {
      const kind = kinds.get(change.typeUrl);
      if (kind === undefined) {
        const reason = "not a type that the built-in proxy reads";
        this.errors.push({ resource: change.typeUrl, field: "", reason });
        continue;
      }
      const rows = new Map<string, unknown>(this.#tables[kind.table]);
      const seen = new Set<string>();
      for (const { name, resource } of change.changed) {
        const scope = new Scope(this.errors, `${kind.name} ${name}`);
        if (seen.has(name)) scope.refuse("occurs twice in one response");
        seen.add(name);
        const row = yield* compileResource(kind, name, resource, rows.get(name), scope);
        if (row !== null) rows.set(name, row);
        yield;
      }
      for (const name of change.removed) rows.delete(name);
      this.#tables = { ...this.#tables, [kind.table]: rows };
    }
  }
}

interface NamedRow {
  readonly name: string;
}

interface Kind {
  /** As the message is called, for refusals. */
  readonly name: string;
  readonly table: keyof Tables;
  compile(
    bytes: Uint8Array,
    before: unknown,
    scope: Scope,
  ): Generator<undefined, NamedRow | null> | NamedRow | null;
}

const urlPrefix = "type.googleapis.com/envoy";

/** By type URL. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  [
    `${urlPrefix}.config.listener.v3.Listener`,
    { name: "Listener", table: "listeners", compile: (bytes, _, at) => compileListener(bytes, at) },
  ],
  [
    `${urlPrefix}.config.route.v3.RouteConfiguration`,
    {
      name: "RouteConfiguration",
      table: "routes",
      compile: (bytes, before, at) =>
        compileRoutes(bytes, (before as RouteTable | undefined) ?? null, at),
    },
  ],
  [
    `${urlPrefix}.config.cluster.v3.Cluster`,
    { name: "Cluster", table: "clusters", compile: (bytes, _, at) => compileCluster(bytes, at) },
  ],
  [
    `${urlPrefix}.config.endpoint.v3.ClusterLoadAssignment`,
    {
      name: "ClusterLoadAssignment",
      table: "endpoints",
      compile: (bytes, before, at) =>
        compileEndpoints(bytes, (before as EndpointTable | undefined) ?? null, at),
    },
  ],
  [
    `${urlPrefix}.extensions.transport_sockets.tls.v3.Secret`,
    { name: "Secret", table: "secrets", compile: (bytes, _, at) => compileSecret(bytes, at) },
  ],
]);

/** Bytes that are no message of the type make the decoder throw: that too is a refusal. */
function* compileResource(
  kind: Kind,
  name: string,
  bytes: Uint8Array,
  before: unknown,
  scope: Scope,
): Generator<undefined, NamedRow | null> {
  try {
    const compiled = kind.compile(bytes, before, scope);
    const row = compiled !== null && "next" in compiled ? yield* compiled : compiled;
    if (row === null || row.name === name) return row;
    return scope.at("name").refuse(`${row.name} is not the resource's name`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return scope.refuse(`cannot be decoded: ${reason}`);
  }
}
