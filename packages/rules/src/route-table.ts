// A route configuration in the form it is searched: virtual hosts by the authority's text, routes
// by path. Indexes and bytes are private, so that printing a table shows its rows alone.

import { byteText } from "./byte-text.ts";
import type { PathIndex } from "./path-index.ts";
import { sameBytes } from "./proto-scan.ts";
import type { RouteRow } from "./tables.ts";

/** A port of a service, as its name is looked up (DNS SRV). */
export interface NamedPortRow {
  /** "" when it has none. */
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

export interface VirtualHostFields {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly RouteRow[];
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  readonly protocol: string;
  readonly ports: readonly NamedPortRow[];
  readonly isHeadless: boolean;
}

/** The routes of one set of authorities. */
export class VirtualHostRow {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly RouteRow[];
  /** What `dev.weft` says: the service port this is; "" and 0 when it is none. */
  readonly service: string;
  readonly namespace: string;
  readonly port: number;
  readonly protocol: string;
  /** Of the host that stands for a service's other ports: the ports it has. Else empty. */
  readonly ports: readonly NamedPortRow[];
  /** The service has no address of its own: its name stands for every endpoint's. */
  readonly isHeadless: boolean;
  readonly #paths: PathIndex;
  readonly #domainTexts: readonly string[];

  constructor(fields: VirtualHostFields, paths: PathIndex) {
    this.name = fields.name;
    this.domains = fields.domains;
    this.routes = fields.routes;
    this.service = fields.service;
    this.namespace = fields.namespace;
    this.port = fields.port;
    this.protocol = fields.protocol;
    this.ports = fields.ports;
    this.isHeadless = fields.isHeadless;
    this.#paths = paths;
    this.#domainTexts = fields.domains.map((domain) => byteText(domain.toLowerCase()));
  }

  /** Which routes a path can meet. */
  get paths(): PathIndex {
    return this.#paths;
  }

  /** Domains as an authority is written: lower case, one character per byte. */
  get domainTexts(): readonly string[] {
    return this.#domainTexts;
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

export interface RouteTableFields {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHostRow[];
  readonly ignorePort: boolean;
  readonly domains: DomainIndex;
  readonly rest: Uint8Array;
  readonly slices: ReadonlyMap<string, Uint8Array>;
}

export class RouteTable {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHostRow[];
  /** The port of the authority is not looked at. */
  readonly ignorePort: boolean;
  readonly #domains: DomainIndex;
  readonly #rest: Uint8Array;
  readonly #slices: ReadonlyMap<string, Uint8Array>;
  readonly #byName: ReadonlyMap<string, VirtualHostRow>;

  constructor(fields: RouteTableFields) {
    this.name = fields.name;
    this.virtualHosts = fields.virtualHosts;
    this.ignorePort = fields.ignorePort;
    this.#domains = fields.domains;
    this.#rest = fields.rest;
    this.#slices = fields.slices;
    this.#byName = new Map(fields.virtualHosts.map((row) => [row.name, row]));
  }

  get domains(): DomainIndex {
    return this.#domains;
  }

  /** Everything in the resource's bytes but the virtual hosts. */
  get rest(): Uint8Array {
    return this.#rest;
  }

  virtualHostNamed(name: string): VirtualHostRow | null {
    return this.#byName.get(name) ?? null;
  }

  /** The virtual host of that name, if it was compiled from those very bytes. */
  rowFor(name: string, bytes: Uint8Array): VirtualHostRow | null {
    const slice = this.#slices.get(name);
    return slice !== undefined && sameBytes(slice, bytes) ? this.virtualHostNamed(name) : null;
  }
}
