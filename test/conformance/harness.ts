// Behaviours of the built-in proxy, through whole proxies: each is a pair of files, the objects a
// user would write (`<behaviour>.yaml`) and what must then be seen (`<behaviour>.test.ts`). Every
// Workload in the YAML gets a program and a real proxy with its own worker threads on loopback;
// each behaviour runs with one worker and with four.

import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { basename } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  openProxy,
  type PortProtocol,
  type ProxyHandle,
  type ProxyOptions,
  type UpstreamAddress,
} from "@weft/proxy";
import { createLogger, type Logger, systemClock, systemRuntime } from "@weft/runtime";
import { parseAllDocuments } from "yaml";
import { TestAuthority } from "./certificates.ts";
import { type Answer, RawConnection, send, type Sent } from "./client.ts";
import { type Edit, TestControl, type WrittenObject } from "./control.ts";
import { Program } from "./program.ts";

export type { Answer, Sent } from "./client.ts";
export { RawConnection } from "./client.ts";
export type { Seen } from "./program.ts";
export type { WrittenObject } from "./control.ts";

interface WrittenPort {
  name: string;
  port?: number;
  protocol?: string;
  meshPort?: number;
  /** `false` in the YAML: an endpoint without a proxy. */
  meshed?: boolean;
}

/** What a behaviour may want of its proxies beside the usual. */
export interface MeshOptions extends Partial<Omit<ProxyOptions, "addresses">> {
  /** `--upstream` listeners of every proxy. */
  readonly upstreams?: readonly UpstreamAddress[];
  /** Workers of single workloads, where they are not the mesh's. */
  readonly workers?: Readonly<Record<string, number>>;
  /** Changes what the control plane compiled. */
  readonly edit?: Edit;
}

interface Member {
  readonly name: string;
  readonly namespace: string;
  readonly program: Program;
  /** Null for a workload without a proxy. */
  readonly proxy: ProxyHandle | null;
}

export class Mesh {
  readonly control: TestControl;
  readonly authority: TestAuthority;
  readonly concurrency: number;
  readonly faults: string[] = [];
  /** Everything the proxies logged. */
  readonly lines: string[] = [];
  readonly #members = new Map<string, Member>();
  readonly #objects: readonly WrittenObject[];
  readonly #options: MeshOptions;
  #isChanged = false;
  readonly #raw: RawConnection[] = [];

  static async open(
    objects: readonly WrittenObject[],
    concurrency: number,
    options: MeshOptions,
  ): Promise<Mesh> {
    const authority = await TestAuthority.create();
    const mesh = new Mesh(authority, concurrency, objects, options);
    mesh.control.put(...objects.filter(({ kind }) => kind !== "Workload"));
    for (const object of objects.filter(({ kind }) => kind === "Workload")) {
      await mesh.join(object);
    }
    await Promise.all(mesh.#proxies().map((proxy) => proxy.ready));
    await mesh.settled();
    return mesh;
  }

  private constructor(
    authority: TestAuthority,
    concurrency: number,
    objects: readonly WrittenObject[],
    options: MeshOptions,
  ) {
    this.#objects = objects;
    this.#options = options;
    this.authority = authority;
    this.concurrency = concurrency;
    this.control = new TestControl(authority.rootsPem, options.edit ?? null);
  }

  /** Starts program and proxy of a Workload and announces it. */
  async join(object: WrittenObject): Promise<Member> {
    const { name, namespace = "default", labels = {} } = object.metadata;
    const spec = (object.spec ?? {}) as { ports?: WrittenPort[]; serviceAccount?: string };
    const program = new Program(name);
    await program.open();
    const ports = spec.ports ?? [];
    const isMeshed = ports.every(({ meshed }) => meshed !== false);
    const proxy = isMeshed ? await openProxy(this.#optionsFor(object, program)) : null;
    if (proxy !== null) {
      const account = spec.serviceAccount ?? name;
      const spiffeId = `spiffe://weft.local/ns/${namespace}/sa/${account}`;
      proxy.setIdentity(await this.authority.issue(spiffeId));
    }
    const member = { name, namespace, program, proxy };
    this.#members.set(name, member);
    this.announce({
      kind: "Workload",
      metadata: { name, namespace, labels },
      spec: {
        serviceAccount: spec.serviceAccount ?? name,
        address: "127.0.0.1",
        ...spec,
        ports: ports.map(({ meshed: _meshed, ...port }) => ({
          ...port,
          protocol: port.protocol ?? "HTTP",
          port: program.port,
          ...(proxy === null ? {} : { meshPort: proxy.ports.inbound[port.name] }),
        })),
      },
    });
    if (proxy !== null) this.control.follow(proxy, namespace, name);
    return member;
  }

  /** A Workload that is ready; one without a proxy of ours may stand for another's. */
  announce(object: WrittenObject): void {
    this.#isChanged = true;
    this.control.put({
      ...object,
      status: {
        conditions: [
          {
            type: "Ready",
            status: "True",
            reason: "Test",
            message: "",
            lastTransitionTime: "2026-01-01T00:00:00Z",
          },
        ],
      },
    });
  }

  /** Writes objects and waits until every proxy runs them. */
  async apply(yaml: string): Promise<void> {
    this.#isChanged = true;
    this.control.put(...parse(yaml));
    await this.settled();
  }

  async delete(kind: string, name: string, namespace = "default"): Promise<void> {
    this.#isChanged = true;
    this.control.delete(kind, name, namespace);
    await this.settled();
  }

  /** Every worker of every proxy runs its newest configuration. */
  async settled(): Promise<void> {
    for (const proxy of this.#proxies()) {
      const { configVersion } = proxy;
      await eventually(async () => {
        const status = (await proxy.ask("status", {})) as { workers: { version: string }[] };
        return status.workers.every(({ version }) => version === configVersion);
      });
    }
  }

  proxy(name: string): ProxyHandle {
    const { proxy } = this.#member(name);
    if (proxy === null) throw new Error(`${name} has no proxy`);
    return proxy;
  }

  /** How many connections web's proxy holds to the service's endpoints. */
  async openTo(service: string): Promise<number> {
    const { items } = (await this.proxy("web").ask("endpoints", {})) as {
      items: { cluster: string; openConnections: number }[];
    };
    return items
      .filter(({ cluster }) => cluster.startsWith(`${service}.`))
      .reduce((sum, { openConnections }) => sum + openConnections, 0);
  }

  program(name: string): Program {
    return this.#member(name).program;
  }

  /** A request of the named workload's program, through its outbound listener. */
  send(from: string, url: string, sent: Sent = {}): Promise<Answer> {
    return send(this.proxy(from).ports.outbound, url, sent);
  }

  /** A raw connection to the outbound listener, closed at the end of the test. */
  raw(from: string): RawConnection {
    return this.rawTo(this.proxy(from).ports.outbound);
  }

  rawTo(port: number): RawConnection {
    const connection = new RawConnection(port);
    this.#raw.push(connection);
    return connection;
  }

  /** Port of an inbound listener. */
  inbound(name: string, portName = "http"): number {
    return this.proxy(name).ports.inbound[portName] ?? 0;
  }

  async leave(name: string): Promise<void> {
    const member = this.#member(name);
    this.#members.delete(name);
    this.control.delete("Workload", name, member.namespace);
    await this.settled();
    if (member.proxy !== null) {
      this.control.unfollow(member.proxy);
      await member.proxy.close();
    }
    member.program.close();
  }

  /** As it was at the start: objects, members and what programs do. */
  async restore(): Promise<void> {
    for (const connection of this.#raw.splice(0)) connection.close();
    const isOriginal = (object: WrittenObject): boolean =>
      this.#objects.some(
        (one) => one.kind === object.kind && one.metadata.name === object.metadata.name,
      );
    if (this.#isChanged) {
      for (const added of this.control.written().filter((object) => !isOriginal(object))) {
        this.control.delete(added.kind, added.metadata.name, added.metadata.namespace);
      }
      this.control.put(...this.#objects.filter(({ kind }) => kind !== "Workload"));
      this.#isChanged = false;
    }
    const wanted = this.#objects.filter(({ kind }) => kind === "Workload");
    for (const name of this.#members.keys()) {
      if (!wanted.some(({ metadata }) => metadata.name === name)) await this.leave(name);
    }
    for (const object of wanted) {
      if (!this.#members.has(object.metadata.name)) await this.join(object);
    }
    for (const { program } of this.#members.values()) program.reset();
    for (const proxy of this.#proxies()) await nothingLeft(proxy);
    if (this.faults.length > 0) throw new Error(this.faults.splice(0).join("\n"));
    await Promise.all(this.#proxies().map((proxy) => proxy.ready));
    await this.settled();
  }

  /**
   * The program says these bytes instead of HTTP, on connections that are new: those that proxies
   * keep to it are closed, and every proxy has noticed before this resolves.
   */
  async speak(name: string, onSocket: (socket: Socket) => void): Promise<void> {
    this.program(name).speak(onSocket);
    await this.spoken(name);
  }

  /** No proxy holds a connection to the program: what it speaks from now on is heard. */
  async spoken(name: string): Promise<void> {
    const address = `127.0.0.1:${this.program(name).port}`;
    for (const proxy of this.#proxies()) {
      for (let waited = 0; (await openTo(proxy, address)) > 0; waited += 10) {
        if (waited > 5_000) throw new Error(`connections to ${address} stay open`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#raw) connection.close();
    await Promise.all(this.#proxies().map((proxy) => proxy.close()));
    for (const { program } of this.#members.values()) program.close();
  }

  /** Errors in a proxy's log are failures here. */
  #logger(): Logger {
    const write = (line: string): void => {
      if (process.env["WEFT_TEST_LOG"] !== undefined) process.stderr.write(`${line}\n`);
      this.lines.push(line);
      if (line.includes(" error ")) this.faults.push(line);
    };
    return createLogger({ clock: systemClock, write });
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`no workload ${name} in this mesh`);
    return member;
  }

  #proxies(): ProxyHandle[] {
    return [...this.#members.values()].flatMap(({ proxy }) => (proxy === null ? [] : [proxy]));
  }

  #optionsFor(object: WrittenObject, program: Program): ProxyOptions {
    const { upstreams = [], workers = {}, edit: _, ...rest } = this.#options;
    const { name, namespace = "default", labels = {} } = object.metadata;
    const spec = object.spec as { ports?: WrittenPort[]; upstreams?: string[] } | undefined;
    const free = { address: "127.0.0.1", preferredPort: 0 };
    return {
      runtime: systemRuntime({ log: this.#logger() }),
      workload: {
        namespace,
        workload: name,
        service: labels["weft.dev/service"] ?? "",
        version: labels["version"] ?? "",
      },
      trustDomain: "weft.local",
      domain: "cluster.local",
      concurrency: workers[name] ?? this.concurrency,
      drainMs: 2000,
      explain: true,
      ...rest,
      addresses: {
        outbound: free,
        admin: free,
        metrics: free,
        readiness: free,
        inbound: (spec?.ports ?? []).map((port) => ({
          ...free,
          portName: port.name,
          appAddress: "127.0.0.1",
          appPort: program.port,
          protocol: (port.protocol ?? "HTTP").toLowerCase() as PortProtocol,
        })),
        upstreams,
      },
    };
  }
}

/** One mesh for all behaviours of a file with the same number of workers; put back between them. */
const meshes = new Map<string, Promise<Mesh>>();

/** Registers a behaviour: `import.meta.url` names the YAML beside the test. */
export function behaviour(
  name: string,
  testUrl: string,
  run: (mesh: Mesh) => Promise<void>,
  options: MeshOptions = {},
  concurrencies: readonly number[] = [1, 4],
): void {
  const file = fileURLToPath(testUrl).replace(/\.test\.ts$/, ".yaml");
  const objects = parse(readFileSync(file, "utf8"));
  for (const concurrency of concurrencies) {
    const workers = concurrency === 1 ? "1 worker" : `${concurrency} workers`;
    const key = `${file} ${concurrency} ${JSON.stringify(options)}`;
    test(`${basename(file, ".yaml")}: ${name} (${workers})`, async () => {
      let opening = meshes.get(key);
      if (opening === undefined) {
        opening = Mesh.open(structuredClone(objects), concurrency, options);
        meshes.set(key, opening);
      }
      const mesh = await opening;
      try {
        await run(mesh);
        await mesh.restore();
      } catch (error) {
        // What is left of this mesh may be anything: the next behaviour gets a new one.
        meshes.delete(key);
        await mesh.close();
        throw error;
      }
    });
  }
}

after(async () => {
  for (const mesh of meshes.values()) await (await mesh).close();
});

export function parse(yaml: string): WrittenObject[] {
  return parseAllDocuments(yaml)
    .map((document) => document.toJS() as WrittenObject | null)
    .filter((object) => object !== null);
}

const leftovers = /^weft_(upstream_)?(requests|requests_pending|retries)(_active)?(\{.*)? [^0]/m;

/** No request is counted as under way once all are over: what is admitted is given back. */
async function nothingLeft(proxy: ProxyHandle): Promise<void> {
  const { metrics } = proxy.ports;
  let text = "";
  await eventually(async () => {
    text = (await send(metrics, `http://127.0.0.1:${metrics}/metrics`)).body;
    return !leftovers.test(text);
  }).catch(() => {
    throw new Error(`still counted as under way: ${leftovers.exec(text)?.[0] ?? ""}`);
  });
}

/** Polls until it holds. */
export async function eventually(
  holds: () => boolean | Promise<boolean>,
  withinMs = 5000,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error("it never came to hold");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Connections that the proxy's pools hold to an address. */
async function openTo(proxy: ProxyHandle, address: string): Promise<number> {
  const { items } = (await proxy.ask("endpoints", {})) as {
    items: { address: string; openConnections: number }[];
  };
  return items
    .filter((item) => item.address === address)
    .reduce((sum, item) => sum + item.openConnections, 0);
}
