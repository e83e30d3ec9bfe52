// A route configuration in the form it is searched: virtual hosts by the authority's text, routes by path.

import type { PathIndex } from "./path-index.ts";
import type { Fields, RouteRow } from "./tables.ts";

/** The routes of one set of authorities. */
export class VirtualHostRow {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly RouteRow[];
  /** What `dev.weft` says: the service-port this is; "" and 0 when it is none. */
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  readonly protocol: string;
  readonly #paths: PathIndex;

  constructor(fields: Fields<Omit<VirtualHostRow, "paths">>, paths: PathIndex) {
    this.name = fields.name;
    this.domains = fields.domains;
    this.routes = fields.routes;
    this.service = fields.service;
    this.namespace = fields.namespace;
    this.port = fields.port;
    this.protocol = fields.protocol;
    this.#paths = paths;
  }

  /** Which routes a path can meet; left out of what is printed. */
  get paths(): PathIndex {
    return this.#paths;
  }
}

/** A wildcard domain without its star. */
export interface WildcardRow {
  readonly text: string;
  readonly virtualHost: VirtualHostRow;
}

export interface DomainIndex {
  readonly exact: ReadonlyMap<string, VirtualHostRow>;
  /** Domains `x:*`, by `x:`. */
  readonly anyPort: ReadonlyMap<string, VirtualHostRow>;
  /** Domains `*x` and `x*`, longest first. */
  readonly suffixes: readonly WildcardRow[];
  readonly prefixes: readonly WildcardRow[];
  readonly any: VirtualHostRow | null;
}

export class RouteTable {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHostRow[];
  /** The port of the authority is not looked at. */
  readonly ignorePort: boolean;
  readonly #domains: DomainIndex;

  constructor(
    name: string,
    virtualHosts: readonly VirtualHostRow[],
    ignorePort: boolean,
    domains: DomainIndex,
  ) {
    this.name = name;
    this.virtualHosts = virtualHosts;
    this.ignorePort = ignorePort;
    this.#domains = domains;
  }

  get domains(): DomainIndex {
    return this.#domains;
  }
}
