// The registry over real objects and virtual time, with agents that are nothing but a stream.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Service, type Workload, findCondition } from "@weft/api";
import { type Runtime, SimClock, seededRandom, silentLogger } from "@weft/runtime";
import type { MessageSink, Status, XdsPeer } from "@weft/xds";
import type { AgentStream } from "@weft/xds/grpc";
import {
  type AgentMessage,
  type ControlMessage,
  Register,
} from "@weft/xds/messages/weft/v1/agent.js";
import { formatToken, hashSecret, openJoinTokens } from "../ca/join-token.ts";
import { createRest, type Rest } from "../rest/rest.ts";
import { defaultSettings } from "../settings.ts";
import { createMemoryStore } from "../store/memory.ts";
import { Registry } from "./registry.ts";

const rootSha256 = "ab".repeat(32);
const secret = "s".repeat(43);
const localToken = formatToken({ id: "local", secret, rootSha256 });

type Body = NonNullable<ControlMessage["message"]>;

class FakeAgent implements AgentStream {
  readonly heard: Body[] = [];
  readonly queuedBytes = 0;
  end: Status | "ok" | null = null;
  #sink: MessageSink<AgentMessage> | null = null;

  begin(sink: MessageSink<AgentMessage>): void {
    this.#sink = sink;
  }

  send(message: ControlMessage): boolean {
    if (message.message !== undefined) this.heard.push(message.message);
    return true;
  }

  close(status?: Status): void {
    this.end ??= status ?? "ok";
  }

  say(message: NonNullable<AgentMessage["message"]>): void {
    this.#sink?.onMessage({ message });
  }

  vanish(): void {
    this.#sink?.onEnd({ code: 14, message: "connection reset" });
  }

  get<K extends Body["$case"]>($case: K): Extract<Body, { $case: K }> | undefined {
    return this.heard.find((body) => body.$case === $case) as never;
  }
}

const catalog: Register = Register.fromPartial({
  namespace: "shop",
  serviceAccount: "catalog",
  service: "catalog",
  labels: { version: "v1" },
  ports: [{ name: "http", port: 8080, protocol: "http", meshPort: 15006 }],
  weight: 100,
  create: true,
  version: "0.1.0",
  proxyKind: "builtin",
  servicePort: 8080,
});

class World {
  readonly clock = new SimClock();
  readonly store = createMemoryStore();
  readonly rest: Rest;
  readonly registry: Registry;
  readonly settledAt: number[] = [];
  settle: () => Promise<void> = () => Promise.resolve();
  readonly loads: string[] = [];

  constructor() {
    const { clock } = this;
    const random = seededRandom(5);
    const runtime: Runtime = { clock, timers: clock, random, log: silentLogger };
    this.rest = createRest({ runtime, store: this.store, version: "0.1.0" });
    const local = {
      id: "local",
      secretSha256: hashSecret(secret),
      namespaces: [],
      serviceAccounts: [],
      create: true,
      createdMs: 0,
      expiresMs: null,
      description: "",
    };
    const save = (): Promise<void> => Promise.resolve();
    this.registry = new Registry({
      runtime,
      objects: this.rest.objects,
      authority: {
        trustDomain: "weft.local",
        tokens: openJoinTokens({ runtime, rootSha256, local, records: [], save }),
      },
      settings: defaultSettings,
      version: "0.1.0",
      settled: async (revision) => {
        this.settledAt.push(revision);
        await this.settle();
      },
      onLoad: (workload) => void this.loads.push(workload.workload),
    });
  }

  async start(): Promise<this> {
    await this.rest.prepare();
    await this.registry.started();
    return this;
  }

  run(ms: number, stepMs = 10): Promise<void> {
    return this.clock.advanceAsync(ms, stepMs);
  }

  connect(peer: Partial<XdsPeer> = {}): FakeAgent {
    const agent = new FakeAgent();
    const known = { spiffeId: null, token: localToken, address: "127.0.0.1:4711" };
    this.registry.attach(agent, { ...known, ...peer });
    return agent;
  }

  async join(register: Partial<Register> = {}, peer: Partial<XdsPeer> = {}): Promise<FakeAgent> {
    const agent = this.connect(peer);
    agent.say({ $case: "register", register: { ...catalog, ...register } });
    await this.run(200);
    return agent;
  }

  async joinReady(workload: string): Promise<FakeAgent> {
    const agent = await this.join({ workload });
    agent.say({ $case: "health", health: { ready: true, reason: "Healthy", message: "" } });
    await this.run(50);
    return agent;
  }

  workload(name: string): Promise<Workload | null> {
    return this.rest.objects.get<Workload>("Workload", "shop", name);
  }

  async names(): Promise<string[]> {
    const { items } = await this.rest.objects.list<Workload>("Workload", "shop");
    return items.map(({ metadata }) => metadata.name);
  }

  async ready(name: string): Promise<string | undefined> {
    return findCondition((await this.workload(name))?.status?.conditions, "Ready")?.status;
  }
}

describe("registration", () => {
  it("makes namespace, account, service and workload when the token allows it", async () => {
    const world = await new World().start();
    const agent = await world.join();
    const registered = agent.get("registered")?.registered;
    assert.match(registered?.workload ?? "", /^catalog-[bcdfghjklmnpqrstvwxz]{5}$/);
    assert.equal(registered?.address, "127.0.0.1");
    assert.equal(registered?.trustDomain, "weft.local");
    assert.deepEqual(registered?.warnings, []);
    const { objects } = world.rest;
    assert.ok(await objects.get("Namespace", null, "shop"));
    assert.ok(await objects.get("ServiceAccount", "shop", "catalog"));
    const service = await objects.get<Service>("Service", "shop", "catalog");
    assert.deepEqual(service?.spec.selector, { "weft.dev/service": "catalog" });
    assert.deepEqual(
      service?.spec.ports?.map(({ name, port, targetPort, appProtocol }) => [
        name,
        port,
        targetPort,
        appProtocol,
      ]),
      [
        ["http", 80, "http", "http"],
        ["http-8080", 8080, "http", "http"],
      ],
    );
    const workload = await world.workload(registered?.workload ?? "");
    assert.deepEqual(workload?.metadata.labels, {
      version: "v1",
      "weft.dev/service": "catalog",
    });
    assert.equal(workload?.metadata.annotations?.["weft.dev/registered"], "agent");
    assert.equal(workload?.spec.address, "127.0.0.1");
    assert.deepEqual(workload?.spec.ports, [
      { name: "http", port: 8080, protocol: "HTTP", meshPort: 15006 },
    ]);
    assert.equal(await world.ready(registered?.workload ?? ""), "False");
  });

  it("gives a tcp service its own port, and one on port 80 a single port", async () => {
    const world = await new World().start();
    const ports = [{ name: "tcp", port: 5432, protocol: "tcp", meshPort: 15007 }];
    await world.join({ service: "db", serviceAccount: "db", ports, servicePort: 5432 });
    const http = [{ name: "http", port: 80, protocol: "http", meshPort: 15008 }];
    await world.join({ service: "web", serviceAccount: "web", ports: http, servicePort: 80 });
    const portsOf = async (name: string): Promise<unknown> => {
      const service = await world.rest.objects.get<Service>("Service", "shop", name);
      return service?.spec.ports?.map(({ name: port, port: number }) => `${port} ${number}`);
    };
    assert.deepEqual(await portsOf("db"), ["tcp 5432"]);
    assert.deepEqual(await portsOf("web"), ["http 80"]);
  });

  it("leaves an existing service alone and says when it does not lead here", async () => {
    const world = await new World().start();
    await world.join();
    const { objects } = world.rest;
    await objects.change<Service>(
      "Service",
      "shop",
      "catalog",
      (service) => {
        service.spec.selector = { version: "v9" };
      },
      { fieldManager: "person" },
    );
    const agent = await world.join();
    assert.deepEqual(agent.get("registered")?.registered.warnings, [
      "the Service shop/catalog exists and was left as it is; its selector (version=v9) does " +
        "not select this workload",
    ]);
    const service = await objects.get<Service>("Service", "shop", "catalog");
    assert.deepEqual(service?.spec.selector, { version: "v9" });
  });

  it("makes no service for a client, and no workload for an ephemeral one", async () => {
    const world = await new World().start();
    const client = await world.join({ service: "", ports: [], serviceAccount: "job" });
    const { workload = "" } = client.get("registered")?.registered ?? {};
    assert.match(workload, /^job-/);
    assert.deepEqual((await world.workload(workload))?.spec.ports, []);
    assert.equal(await world.rest.objects.get("Service", "shop", "job"), null);
    const once = await world.join({
      service: "",
      ports: [],
      serviceAccount: "weft-request",
      ephemeral: true,
    });
    const { workload: name = "" } = once.get("registered")?.registered ?? {};
    assert.equal(await world.workload(name), null);
    assert.ok(await world.rest.objects.get("ServiceAccount", "shop", "weft-request"));
    assert.equal(world.registry.connected().get(`shop/${name}`)?.isEphemeral, true);
    once.vanish();
    assert.equal(world.registry.connected().has(`shop/${name}`), false);
  });

  it("creates nothing without the right, and says what is missing", async () => {
    const world = await new World().start();
    const peer = { token: null, spiffeId: "spiffe://weft.local/ns/shop/sa/catalog" };
    const refused = await world.join({}, peer);
    assert.deepEqual(refused.end, {
      code: 7,
      message:
        "registration-not-allowed: the Namespace shop does not exist, and this caller may not " +
        "create it",
    });
    const { objects } = world.rest;
    assert.equal(await objects.get("Namespace", null, "shop"), null);
    const by = { fieldManager: "person" };
    const metadata = { name: "shop" };
    await objects.create({ apiVersion: "v1", kind: "Namespace", metadata }, by);
    const account = { name: "catalog", namespace: "shop" };
    await objects.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: account }, by);
    const agent = await world.join({}, peer);
    assert.deepEqual(agent.get("registered")?.registered.warnings, [
      "the Service shop/catalog does not exist, and this caller may not create it: nobody can " +
        "call it",
    ]);
    assert.equal((await world.names()).length, 1);
  });

  it("refuses other identities, bad fields and names that are taken", async () => {
    const world = await new World().start();
    const spiffeId = "spiffe://weft.local/ns/shop/sa/web";
    const codeOf = ({ end }: FakeAgent): unknown => (typeof end === "object" ? end?.code : end);
    const other = await world.join({}, { token: null, spiffeId });
    assert.equal(codeOf(other), 7);
    assert.equal(codeOf(await world.join({}, { token: null })), 16);
    assert.equal(codeOf(await world.join({ address: "here" })), 3);
    assert.equal(codeOf(await world.join({ namespace: "No" })), 3);
    assert.equal(codeOf(await world.join({ namespace: "weft-system" })), 7);
    assert.deepEqual(await world.names(), []);
    await world.join({ workload: "catalog-x" });
    const thief = await world.join({ workload: "catalog-x", serviceAccount: "web" });
    assert.match(JSON.stringify(thief.end), /workload-taken: .* belongs to .* catalog, not to web/);
    const silent = world.connect();
    await world.run(10_010, 100);
    assert.equal(codeOf(silent), 4);
  });
});

describe("registration while the store takes no writes", () => {
  it("is told to come again, but lets those in who are stored as they are", async () => {
    const world = await new World().start();
    const first = await world.join({ workload: "catalog-a" });
    first.vanish();
    world.store.setReadOnly("the disk is full");
    const back = await world.join({ workload: "catalog-a" });
    assert.ok(back.get("registered"));
    const other = await world.join({ workload: "catalog-b" });
    assert.deepEqual(other.end, { code: 14, message: "store-read-only: the disk is full" });
  });
});

describe("reports", () => {
  it("write health and the proxy's figures into the status, the newest only", async () => {
    const world = await new World().start();
    const agent = await world.join({ workload: "catalog-a" });
    const health = { ready: true, reason: "Healthy", message: "" };
    agent.say({ $case: "health", health });
    await world.run(50);
    assert.equal(await world.ready("catalog-a"), "True");
    const before = world.store.revision();
    for (let i = 1; i <= 20; i++) {
      const ports = { adminPort: 15000, metricsPort: 15090, outboundPort: 15001, dnsPort: 0 };
      const proxyStatus = { kind: "builtin", version: "0.1.0", configVersion: `${i}`, ...ports };
      agent.say({ $case: "proxyStatus", proxyStatus });
      await world.run(50);
    }
    await world.run(1_100);
    const workload = await world.workload("catalog-a");
    assert.deepEqual(workload?.status?.proxy, {
      kind: "builtin",
      version: "0.1.0",
      configVersion: "20",
      adminPort: 15000,
      metricsPort: 15090,
      outboundPort: 15001,
    });
    assert.ok(world.store.revision() - before <= 3, `${world.store.revision() - before} writes`);
    agent.say({ $case: "health", health: { ready: false, reason: "not a word", message: "503" } });
    await world.run(50);
    const ready = findCondition((await world.workload("catalog-a"))?.status?.conditions, "Ready");
    assert.deepEqual(
      [ready?.status, ready?.reason, ready?.message],
      ["False", "HealthCheckFailed", "503"],
    );
  });

  it("are written once the store takes writes again", async () => {
    const world = await new World().start();
    const agent = await world.join({ workload: "catalog-a" });
    world.store.setReadOnly("the disk is full");
    agent.say({ $case: "health", health: { ready: true, reason: "Healthy", message: "" } });
    await world.run(3_000);
    assert.equal(await world.ready("catalog-a"), "False");
    world.store.setReadOnly(null);
    await world.run(2_100);
    assert.equal(await world.ready("catalog-a"), "True");
  });

  it("bring questions and answers together", async () => {
    const world = await new World().start();
    const agent = await world.join({ workload: "catalog-a" });
    const { registry } = world;
    const answer = registry.ask("shop", "catalog-a", "routes", { all: "yes" });
    const { id = 0n, topic, arguments: args } = agent.get("question")?.question ?? {};
    assert.deepEqual([topic, args], ["routes", { all: "yes" }]);
    agent.say({ $case: "answer", answer: { id, body: Buffer.from("[1]"), error: "" } });
    assert.equal(Buffer.from(await answer).toString(), "[1]");
    agent.say({ $case: "answer", answer: { id, body: Buffer.from("[2]"), error: "" } });
    const refused = registry.ask("shop", "catalog-a", "nonsense", {});
    const failed = assert.rejects(refused, { code: "question-failed" });
    agent.say({
      $case: "answer",
      answer: { id: id + 1n, body: Buffer.alloc(0), error: "no such topic" },
    });
    await failed;
    const late = assert.rejects(registry.ask("shop", "catalog-a", "log", {}), {
      code: "question-timeout",
    });
    await world.run(5_010, 100);
    await late;
    const cut = assert.rejects(registry.ask("shop", "catalog-a", "log", {}), {
      code: "workload-not-connected",
    });
    agent.vanish();
    await cut;
    await assert.rejects(registry.ask("shop", "catalog-a", "log", {}), {
      code: "workload-not-connected",
      message: "no agent of shop/catalog-a is connected",
    });
  });

  it("hand load reports on", async () => {
    const world = await new World().start();
    const agent = await world.join({ workload: "catalog-a" });
    agent.say({ $case: "load", load: { intervalMs: 2000, rows: [] } });
    assert.deepEqual(world.loads, ["catalog-a"]);
  });
});

describe("leaving", () => {
  it("in order: the workload goes at once, and the agent waits for its peers", async () => {
    const world = await new World().start();
    const agent = await world.joinReady("catalog-a");
    const peers = Promise.withResolvers<void>();
    world.settle = () => peers.promise;
    agent.say({ $case: "deregister", deregister: { reason: "stopping" } });
    await world.run(500);
    assert.deepEqual(await world.names(), []);
    assert.deepEqual(world.settledAt, [world.store.revision()]);
    assert.equal(agent.get("deregistered"), undefined);
    peers.resolve();
    await world.run(10);
    assert.ok(agent.get("deregistered"));
    agent.vanish();
    assert.equal(world.registry.connected().size, 0);
  });

  it("waits no longer than 2 s for slow peers", async () => {
    const world = await new World().start();
    const agent = await world.joinReady("catalog-a");
    world.settle = () => new Promise(() => undefined);
    agent.say({ $case: "deregister", deregister: { reason: "stopping" } });
    await world.run(1_900);
    assert.equal(agent.get("deregistered"), undefined);
    await world.run(200);
    assert.ok(agent.get("deregistered"));
  });

  it("without a word: one of three is removed after 10 s", async () => {
    const world = await new World().start();
    await world.joinReady("catalog-a");
    const agent = await world.joinReady("catalog-b");
    await world.joinReady("catalog-c");
    agent.vanish();
    await world.run(9_900, 100);
    assert.equal((await world.names()).length, 3);
    await world.run(200);
    assert.deepEqual(await world.names(), ["catalog-a", "catalog-c"]);
  });

  it("all at once: half stays, marked unknown, with a warning event", async () => {
    const world = await new World().start();
    const agents = [];
    for (const name of ["catalog-a", "catalog-b", "catalog-c", "catalog-d"]) {
      agents.push(await world.joinReady(name));
    }
    for (const agent of agents) agent.vanish();
    await world.run(10_500, 100);
    assert.deepEqual(await world.names(), ["catalog-c", "catalog-d"]);
    assert.equal(await world.ready("catalog-c"), "Unknown");
    await world.run(2_000, 100);
    const events = await world.rest.objects.list("Event", "shop");
    const reasons = (events.items as unknown as { reason: string; type: string }[]).map(
      ({ reason, type }) => `${type} ${reason}`,
    );
    assert.ok(reasons.includes("Warning EndpointKept"), reasons.join());
    const back = await world.joinReady("catalog-c");
    assert.equal(back.get("registered")?.registered.workload, "catalog-c");
    assert.equal(await world.ready("catalog-c"), "True");
  });

  it("is not what a restart of the control plane looks like", async () => {
    const world = await new World().start();
    for (const name of ["catalog-a", "catalog-b"]) await world.joinReady(name);
    const seen: string[] = [];
    const watch = world.store.watch(
      { prefix: "weft.dev/workloads/", fromRevision: world.store.revision() },
      { onEvent: ({ type }) => void seen.push(type), onEnd: () => undefined },
    );
    const { registry: first } = world;
    first.close();
    const second = new Registry({
      runtime: {
        clock: world.clock,
        timers: world.clock,
        random: seededRandom(9),
        log: silentLogger,
      },
      objects: world.rest.objects,
      authority: {
        trustDomain: "weft.local",
        tokens: { check: () => assert.fail("no token is shown") } as never,
      },
      settings: defaultSettings,
      version: "0.1.0",
      settled: () => Promise.resolve(),
      onLoad: () => undefined,
    });
    await second.started();
    await world.run(30_000, 100);
    for (const workload of ["catalog-a", "catalog-b"]) {
      const agent = new FakeAgent();
      const spiffeId = "spiffe://weft.local/ns/shop/sa/catalog";
      second.attach(agent, { spiffeId, token: null, address: "127.0.0.1:1" });
      agent.say({ $case: "register", register: { ...catalog, workload } });
      await world.run(200);
      assert.ok(agent.get("registered"), JSON.stringify(agent.end));
    }
    await world.run(120_000, 100);
    assert.deepEqual(seen, [], "agents that come back as they were write nothing");
    watch.close();
    second.close();
  });

  it("belongs to the newest stream of a workload only", async () => {
    const world = await new World().start();
    await world.joinReady("catalog-b");
    const old = await world.joinReady("catalog-a");
    await world.joinReady("catalog-a");
    assert.match(JSON.stringify(old.end), /a newer stream of shop\/catalog-a has taken over/);
    old.vanish();
    await world.run(30_000, 100);
    assert.deepEqual(await world.names(), ["catalog-a", "catalog-b"]);
  });

  it("happens also to an agent whose stream ended while it registered", async () => {
    const world = await new World().start();
    await world.joinReady("catalog-b");
    const agent = world.connect();
    agent.say({ $case: "register", register: { ...catalog, workload: "catalog-a" } });
    agent.vanish();
    await world.run(1_000);
    assert.deepEqual(await world.names(), ["catalog-a", "catalog-b"]);
    await world.run(10_000, 100);
    assert.deepEqual(await world.names(), ["catalog-b"]);
  });
});
