// `RouteConfiguration`: a table of virtual hosts, found by the authority's text. One configuration
// holds a namespace's whole view of the mesh, so a virtual host whose bytes did not change keeps
// its row.

import { RouteConfiguration } from "@weft/xds/messages/envoy/config/route/v3/route.js";
import { VirtualHost } from "@weft/xds/messages/envoy/config/route/v3/route_components.js";
import { compileEdits, type EditLevel } from "./compile-edits.ts";
import { compileRetry } from "./compile-retry.ts";
import { compileMirrors, compileRoute, type RouteContext } from "./compile-route.ts";
import { PathIndex } from "./path-index.ts";
import { sameBytes, splitField, textField } from "./proto-scan.ts";
import {
  type DomainIndex,
  type NamedPortRow,
  RouteTable,
  VirtualHostRow,
  type WildcardRow,
} from "./route-table.ts";
import type { Scope } from "./scope.ts";
import type { MirrorRow, RouteRow } from "./tables.ts";
import { type WeftMetadata, weftMetadata } from "./weft-metadata.ts";

const virtualHostsField = 2;
const nameField = 1;

/** Yields between virtual hosts, so that the caller can rest. Null when something was refused. */
export function* compileRoutes(
  bytes: Uint8Array,
  before: RouteTable | null,
  scope: Scope,
): Generator<undefined, RouteTable | null> {
  const builder = new TableBuilder(scope);
  const { items, rest } = splitField(bytes, virtualHostsField);
  const message = RouteConfiguration.decode(rest);
  const context = tableContext(message, scope);
  const mayReuse = before !== null && sameBytes(before.rest, rest);
  const slices = new Map<string, Uint8Array>();
  for (let i = 0; i < items.length; i += 2) {
    const from = items[i] as number;
    const to = items[i + 1] as number;
    const slice = bytes.subarray(from, to);
    const name = textField(bytes, from, to, nameField);
    const old = mayReuse ? before.rowFor(name, slice) : null;
    const at = scope.item("virtual_hosts", i / 2);
    const row = old ?? compileVirtualHost(VirtualHost.decode(slice), context, at);
    slices.set(name, slice);
    if (row !== null) builder.add(row, at);
    yield;
  }
  return builder.finish(message, rest, slices);
}

/** The same for a message that is part of another: an inline table. */
export function compileInlineRoutes(message: RouteConfiguration, scope: Scope): RouteTable | null {
  const builder = new TableBuilder(scope);
  const context = tableContext(message, scope);
  for (const [i, virtualHost] of message.virtualHosts.entries()) {
    const at = scope.item("virtual_hosts", i);
    const row = compileVirtualHost(virtualHost, context, at);
    if (row !== null) builder.add(row, at);
  }
  return builder.finish(message, new Uint8Array(0), new Map());
}

const tableFields: ReadonlySet<string> = new Set([
  "name",
  "virtualHosts",
  "requestHeadersToAdd",
  "requestHeadersToRemove",
  "responseHeadersToAdd",
  "responseHeadersToRemove",
  "mostSpecificHeaderMutationsWins",
  "validateClusters",
  "requestMirrorPolicies",
  "ignorePortInHostMatching",
  "metadata",
]);

interface TableContext {
  readonly level: EditLevel;
  readonly isMostSpecificLast: boolean;
  readonly mirrors: readonly MirrorRow[];
}

function tableContext(message: RouteConfiguration, scope: Scope): TableContext {
  scope.refuseOthers(message, tableFields);
  weftMetadata(message.metadata, scope).finish();
  if (message.validateClusters === true) {
    scope.at("validate_clusters").refuse("not supported by the built-in proxy");
  }
  return {
    level: compileEdits(message, scope),
    isMostSpecificLast: message.mostSpecificHeaderMutationsWins,
    mirrors: compileMirrors(message.requestMirrorPolicies, scope),
  };
}

const virtualHostFields: ReadonlySet<string> = new Set([
  "name",
  "domains",
  "routes",
  "requestHeadersToAdd",
  "requestHeadersToRemove",
  "responseHeadersToAdd",
  "responseHeadersToRemove",
  "retryPolicy",
  "requestMirrorPolicies",
  "metadata",
]);

function compileVirtualHost(
  message: VirtualHost,
  table: TableContext,
  scope: Scope,
): VirtualHostRow | null {
  scope.refuseOthers(message, virtualHostFields);
  const weft = weftMetadata(message.metadata, scope);
  const labels = {
    service: weft.text("service"),
    namespace: weft.text("namespace"),
    port: weft.count("port"),
    protocol: weft.text("protocol"),
    ports: weft.objects("ports").map(compileNamedPort),
    isHeadless: weft.flag("headless"),
  };
  weft.finish();
  if (message.domains.length === 0) return scope.at("domains").refuse("is empty");
  const { retryPolicy } = message;
  const mirrors = compileMirrors(message.requestMirrorPolicies, scope);
  const context: RouteContext = {
    levels: [compileEdits(message, scope), table.level],
    isMostSpecificLast: table.isMostSpecificLast,
    retry:
      retryPolicy === undefined
        ? null
        : (methods) => compileRetry(retryPolicy, methods, scope.at("retry_policy")),
    mirrors: mirrors.length > 0 ? mirrors : table.mirrors,
  };
  const routes: RouteRow[] = [];
  for (const [i, route] of message.routes.entries()) {
    const row = compileRoute(route, i, context, scope.item("routes", i));
    if (row !== null) routes.push(row);
  }
  // A refused route leaves a gap; then the whole table is refused.
  if (routes.length < message.routes.length) return null;
  const { name, domains } = message;
  return new VirtualHostRow({ name, domains, routes, ...labels }, new PathIndex(routes));
}

function compileNamedPort(weft: WeftMetadata): NamedPortRow {
  const row = {
    name: weft.text("name"),
    port: weft.count("port"),
    protocol: weft.text("protocol"),
  };
  weft.finish();
  return row;
}

/** Collects virtual hosts and where each is found. */
class TableBuilder {
  readonly #scope: Scope;
  readonly #errorsBefore: number;
  readonly #rows: VirtualHostRow[] = [];
  readonly #names = new Set<string>();
  readonly #exact = new Map<string, VirtualHostRow>();
  readonly #anyPort = new Map<string, VirtualHostRow>();
  readonly #suffixes: WildcardRow[] = [];
  readonly #prefixes: WildcardRow[] = [];
  #any: VirtualHostRow | null = null;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.#errorsBefore = scope.errorCount;
  }

  add(row: VirtualHostRow, scope: Scope): void {
    this.#rows.push(row);
    if (this.#names.has(row.name)) scope.at("name").refuse(`${row.name} occurs twice`);
    this.#names.add(row.name);
    for (const text of row.domainTexts) {
      const owner = this.#index(text, row, scope);
      if (owner !== null) scope.at("domains").refuse(`${text} belongs to ${owner.name} already`);
    }
  }

  finish(
    message: RouteConfiguration,
    rest: Uint8Array,
    slices: ReadonlyMap<string, Uint8Array>,
  ): RouteTable | null {
    if (this.#scope.errorCount > this.#errorsBefore) return null;
    const byLength = (a: WildcardRow, b: WildcardRow): number => b.text.length - a.text.length;
    const domains: DomainIndex = {
      exact: this.#exact,
      anyPort: this.#anyPort,
      suffixes: this.#suffixes.sort(byLength),
      prefixes: this.#prefixes.sort(byLength),
      any: this.#any,
    };
    return new RouteTable({
      name: message.name,
      virtualHosts: this.#rows,
      ignorePort: message.ignorePortInHostMatching,
      domains,
      rest,
      slices,
    });
  }

  /** Answers whose the domain was before. */
  #index(text: string, row: VirtualHostRow, scope: Scope): VirtualHostRow | null {
    const star = text.indexOf("*");
    if (star < 0) return putNew(this.#exact, text, row);
    if (text === "*") {
      const owner = this.#any;
      this.#any = row;
      return owner;
    }
    if (text.indexOf("*", star + 1) >= 0 || (star > 0 && star < text.length - 1)) {
      return scope.at("domains").refuse(`${text} has a * that is neither first nor last`);
    }
    if (star === 0) return pushNew(this.#suffixes, text.slice(1), row);
    const before = text.slice(0, -1);
    return before.endsWith(":")
      ? putNew(this.#anyPort, before, row)
      : pushNew(this.#prefixes, before, row);
  }
}

function putNew(
  map: Map<string, VirtualHostRow>,
  text: string,
  row: VirtualHostRow,
): VirtualHostRow | null {
  const owner = map.get(text) ?? null;
  map.set(text, row);
  return owner;
}

function pushNew(
  list: WildcardRow[],
  text: string,
  virtualHost: VirtualHostRow,
): VirtualHostRow | null {
  const owner = list.find((other) => other.text === text)?.virtualHost ?? null;
  list.push({ text, virtualHost });
  return owner;
}
