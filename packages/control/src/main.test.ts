// A whole control plane in this process, and agents that speak to it over real gRPC.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Workload } from "@weft/api";
import { type Runtime, silentLogger, systemRuntime } from "@weft/runtime";
import { createXdsClient, typeUrls, writeNode, type XdsUpdate } from "@weft/xds";
import { type ControlStream, type GrpcChannel, openGrpcChannel } from "@weft/xds/grpc";
import { Register } from "@weft/xds/messages/weft/v1/agent.js";
import { localSecretPath } from "./ca/authority.ts";
import { makeCsr } from "./ca/csr.fixture.ts";
import { findControlPlane } from "./data-directory.ts";
import { type ControlPlane, type ControlPlaneOptions, openControlPlane } from "./main.ts";

const runtime: Runtime = systemRuntime({ log: silentLogger });
const anyPort = "127.0.0.1:0";

async function freshDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), "weft-control-"));
}

function open(dataDir: string, more: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
  return openControlPlane({
    runtime,
    dataDir,
    listen: anyPort,
    xdsListen: anyPort,
    version: "0.1.0",
    ...more,
  });
}

interface Svid {
  readonly chainPem: string;
  readonly keyPem: string;
  readonly rootsPem: string;
}

async function firstContact(
  plane: ControlPlane,
  token: string,
  identity: { namespace: string; serviceAccount: string },
): Promise<{ channel: GrpcChannel; svid: Svid; spiffeId: string }> {
  const channel = await openGrpcChannel({
    runtime,
    address: plane.xdsAddress,
    trust: { rootSha256: token.trim().split(".")[3] ?? "" },
    identity: null,
    token: token.trim(),
  });
  const { csr, keyPem } = makeCsr();
  const answer = await channel.signCertificate({ csr, ...identity, ttlSeconds: 0 });
  const pem = (der: Uint8Array): string =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE-----\n`;
  const svid = {
    keyPem,
    chainPem: answer.chain.map(pem).join(""),
    rootsPem: answer.roots.map(pem).join(""),
  };
  return { channel, svid, spiffeId: answer.spiffeId };
}

/** The next message of a kind on an Attach stream. */
function listenTo(stream: ControlStream): (kind: string) => Promise<never> {
  const heard: { $case: string }[] = [];
  const waiting: (() => void)[] = [];
  let end: string | null = null;
  const wake = (): void => {
    for (const one of waiting.splice(0)) one();
  };
  stream.begin({
    onMessage: ({ message }) => {
      if (message !== undefined) heard.push(message);
      wake();
    },
    onDrain: () => undefined,
    onEnd: (status) => {
      end = status?.message ?? "ended";
      wake();
    },
  });
  return async (kind) => {
    for (;;) {
      const at = heard.findIndex(({ $case }) => $case === kind);
      if (at >= 0) return heard.splice(at, 1)[0] as never;
      if (end !== null) throw new Error(`no ${kind}: ${end}`);
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
}

const catalog = { namespace: "shop", serviceAccount: "catalog" };

describe("control plane", () => {
  let dir: string;
  let plane: ControlPlane;
  let secret: string;
  const api = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://${plane.apiAddress}${path}`, init);
  const asOperator = (): Record<string, string> => ({ authorization: `Bearer ${secret}` });
  before(async () => {
    dir = await freshDir();
    plane = await open(dir);
    await plane.ready;
    secret = (await readFile(localSecretPath(dir), "utf8")).trim();
  });
  after(async () => {
    await plane.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("answers health, readiness, version and metrics", async () => {
    assert.equal((await api("/healthz")).status, 200);
    assert.equal((await api("/readyz")).status, 200);
    const version = (await (await api("/version")).json()) as { gitVersion: string };
    assert.match(version.gitVersion, /weft.0\.1\.0/);
    const metrics = await (await api("/metrics")).text();
    assert.match(metrics, /^weft_build_info\{version="0\.1\.0"\} 1$/m);
    assert.match(metrics, /^weft_api_requests_total\{method="GET",code="200"\} \d+$/m);
    assert.match(metrics, /^weft_cert_expiry_seconds\{identity="control-plane"\} 8\d{4}/m);
    assert.equal((await api("/weft/v1/nothing")).status, 404);
    assert.equal((await api("/weft/v1/stats", { method: "DELETE" })).status, 405);
    const namespaces = (await (await api("/api/v1/namespaces/default")).json()) as object;
    assert.equal((namespaces as { kind: string }).kind, "Namespace");
  });

  it("takes an agent from first contact to its last word", async (context) => {
    const { channel, svid, spiffeId } = await firstContact(plane, secret, catalog);
    context.after(() => channel.close());
    assert.equal(spiffeId, "spiffe://weft.local/ns/shop/sa/catalog");
    channel.setIdentity(svid, svid.rootsPem);
    const stream = channel.attach();
    const next = listenTo(stream);
    const ports = [{ name: "http", port: 8080, protocol: "http", meshPort: 15006 }];
    const register = Register.fromPartial({
      ...catalog,
      service: "catalog",
      labels: { version: "v1" },
      ports,
      servicePort: 8080,
      create: true,
      version: "0.1.0",
      proxyKind: "builtin",
    });
    stream.send({ message: { $case: "register", register } });
    const { registered } = (await next("registered")) as {
      registered: { workload: string; address: string; warnings: string[] };
    };
    assert.deepEqual([registered.address, registered.warnings], ["127.0.0.1", []]);
    const { workload } = registered;

    const updates: XdsUpdate[] = [];
    const gotListeners = Promise.withResolvers<void>();
    const xds = createXdsClient({
      runtime,
      node: writeNode({
        ...catalog,
        workload,
        cluster: "catalog",
        kind: "builtin",
        version: "0.1.0",
        ports,
      }),
      connect: () => channel.deltaAds(),
      handler: {
        onUpdate(typeUrl, changed) {
          updates.push(...changed);
          // As a proxy does: endpoints of every cluster that has a name in the mesh.
          const clusters = typeUrl === typeUrls.cluster ? changed.map(({ name }) => name) : [];
          const named = clusters.filter((name) => name.includes(".svc."));
          if (named.length > 0) xds.subscribe(typeUrls.endpoint, named);
          if (typeUrl === typeUrls.listener) gotListeners.resolve();
          return null;
        },
      },
    });
    context.after(() => xds.close());
    xds.subscribe(typeUrls.cluster, "*");
    xds.subscribe(typeUrls.listener, "*");
    xds.subscribe(typeUrls.route, ["outbound/shop"]);
    await gotListeners.promise;
    const names = updates.map(({ name }) => name);
    assert.ok(names.includes("inbound/http"), names.join());
    assert.ok(names.includes("outbound"), names.join());

    const proxies = (await (await api("/weft/v1/proxies")).json()) as {
      items: { proxy: string; service: string; hasAgent: boolean }[];
    };
    assert.deepEqual(
      proxies.items.map(({ proxy, service, hasAgent }) => [proxy, service, hasAgent]),
      [[`shop/${workload}`, "catalog", true]],
    );

    const asked = api(`/weft/v1/proxies/shop/${workload}/routes?service=cart`);
    const { question } = (await next("question")) as {
      question: { id: bigint; topic: string; arguments: Record<string, string> };
    };
    assert.deepEqual([question.topic, question.arguments], ["routes", { service: "cart" }]);
    const body = Buffer.from('{"items":[]}');
    stream.send({ message: { $case: "answer", answer: { id: question.id, body, error: "" } } });
    assert.deepEqual(await (await asked).json(), { items: [] });

    const buckets = new Array<bigint>(26).fill(0n);
    buckets[3] = 60n;
    const row = {
      ...{ direction: "inbound", service: "catalog", namespace: "shop", version: "v1", route: "" },
      ...{ peer: "", code: 200, flag: "", mtls: true, success: true, requests: 60n },
      ...{ durationBuckets: buckets, durationSumSeconds: 0.15 },
    };
    stream.send({ message: { $case: "load", load: { intervalMs: 2000, rows: [row] } } });
    stream.send({ message: { $case: "health", health: { ready: true, reason: "", message: "" } } });
    const stored = await eventually(async () => {
      const path = `/apis/weft.dev/v1alpha1/namespaces/shop/workloads/${workload}`;
      const object = (await (await api(path)).json()) as Workload;
      const ready = object.status?.conditions?.find(({ type }) => type === "Ready");
      return ready?.status === "True" ? object : null;
    });
    assert.equal(stored.spec.ports?.[0]?.meshPort, 15006);
    const stats = (await (await api("/weft/v1/stats?namespace=shop")).json()) as {
      items: Record<string, unknown>[];
    };
    assert.equal(stats.items.length, 1);
    const rate = Number(stats.items[0]?.["requestsPerSecond"]);
    assert.ok(rate > 10 && rate <= 30, `${rate} requests a second`);
    assert.equal(stats.items[0]?.["mtlsShare"], 1);

    const askedAtMs = runtime.clock.monotonicMs();
    stream.send({ message: { $case: "deregister", deregister: { reason: "stopping" } } });
    await next("deregistered");
    const tookMs = runtime.clock.monotonicMs() - askedAtMs;
    assert.ok(tookMs < 1500, `peers acknowledged, and yet it took ${tookMs} ms`);
    const gone = await api(`/apis/weft.dev/v1alpha1/namespaces/shop/workloads/${workload}`);
    assert.equal(gone.status, 404);
  });

  it("sends no configuration of another identity, and none to strangers", async () => {
    const { channel, svid } = await firstContact(plane, secret, catalog);
    const refusalFor = async (serviceAccount: string): Promise<string> => {
      const refused = Promise.withResolvers<string>();
      const node = { namespace: "shop", workload: "x-abcde", serviceAccount, cluster: "x" };
      const xds = createXdsClient({
        runtime,
        node: writeNode({ ...node, kind: "builtin", version: "0.1.0", ports: [] }),
        connect: () => channel.deltaAds(),
        handler: {
          onUpdate: () => null,
          onDisconnected: (status) => refused.resolve(`${status?.code} ${status?.message}`),
        },
      });
      xds.subscribe(typeUrls.listener, "*");
      const text = await refused.promise;
      xds.close();
      return text;
    };
    assert.match(await refusalFor("catalog"), /^16 /);
    channel.setIdentity(svid, svid.rootsPem);
    assert.match(await refusalFor("web"), /^7 node "shop\/x-abcde" is not covered by/);
    channel.close();
  });

  it("gives tokens to operators only, and lets them stand for what they are limited to", async () => {
    const ask = (headers: Record<string, string>, body: object): Promise<Response> =>
      api("/weft/v1/tokens", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });
    assert.equal((await ask({}, {})).status, 401);
    const limits = { namespaces: ["shop"], serviceAccounts: ["web"], ttlSeconds: 60 };
    const made = await ask(asOperator(), limits);
    assert.equal(made.status, 201);
    const { token, id } = (await made.json()) as { token: string; id: string };
    assert.equal((await ask({ authorization: `Bearer ${token}` }, {})).status, 403);
    assert.equal((await ask(asOperator(), { ttlSeconds: -1 })).status, 400);
    const listed = await (await api("/weft/v1/tokens", { headers: asOperator() })).text();
    assert.ok(listed.includes(id) && !listed.includes(token.split(".")[2] ?? "?"));

    const web = { namespace: "shop", serviceAccount: "web" };
    const { channel, spiffeId } = await firstContact(plane, token, web);
    assert.equal(spiffeId, "spiffe://weft.local/ns/shop/sa/web");
    channel.close();
    await assert.rejects(firstContact(plane, token, catalog), {
      code: 7,
      message: /token-not-allowed: join token \w+ may not stand for spiffe:.*catalog/,
    });
    const removed = await api(`/weft/v1/tokens/${id}`, {
      method: "DELETE",
      headers: asOperator(),
    });
    assert.equal(removed.status, 200);
    await assert.rejects(firstContact(plane, token, web), { code: 16, message: /token-invalid/ });
  });

  it("backs up store and CA, and comes up again from the backup", async () => {
    assert.equal((await api("/weft/v1/backup", { method: "POST" })).status, 401);
    const config = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "kept", namespace: "default" },
      data: { a: "1" },
    };
    const created = await api("/api/v1/namespaces/default/configmaps", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(config),
    });
    assert.equal(created.status, 201);
    const answer = await api("/weft/v1/backup", { method: "POST", headers: asOperator() });
    assert.equal(answer.status, 200);
    const bytes = Buffer.from(await answer.arrayBuffer());
    const file = join(dir, "mesh.backup");
    await writeFile(file, bytes);
    const empty = await freshDir();
    const restored = await open(join(empty, "data"), { restore: file });
    await restored.ready;
    const path = "/api/v1/namespaces/default/configmaps/kept";
    const again = await fetch(`http://${restored.apiAddress}${path}`);
    assert.deepEqual(((await again.json()) as typeof config).data, { a: "1" });
    const { channel, spiffeId } = await firstContact(restored, secret, catalog);
    assert.equal(spiffeId, "spiffe://weft.local/ns/shop/sa/catalog");
    channel.close();
    await restored.close();
    await assert.rejects(open(join(empty, "data"), { restore: file }), {
      code: "restore-not-empty",
    });
    await writeFile(file, bytes.subarray(0, bytes.length - 100));
    await assert.rejects(open(join(empty, "other"), { restore: file }), {
      code: "backup-damaged",
    });
    const left = await readdir(join(empty, "other"));
    assert.deepEqual(
      left.filter((name) => /store|ca|secret/.test(name)),
      [],
    );
    assert.deepEqual(
      (await readdir(dir)).filter((name) => name.startsWith("backup-")),
      [],
    );
    await rm(empty, { recursive: true });
  });

  it("is the only one on its data directory, and says who it is", async () => {
    const running = await findControlPlane(dir);
    assert.equal(running?.pid, process.pid);
    assert.equal(running?.apiAddress, plane.apiAddress);
    await assert.rejects(open(dir), {
      code: "data-directory-in-use",
      message: new RegExp(`already runs on .* \\(process ${process.pid}, API ${plane.apiAddress}`),
    });
  });
});

describe("a control plane that cannot start", () => {
  let dir: string;
  let other: Server;
  let taken: string;
  before(async () => {
    dir = await freshDir();
    other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    taken = `127.0.0.1:${(other.address() as { port: number }).port}`;
  });
  after(async () => {
    other.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("names the taken port and the flag, and leaves the directory free", async () => {
    await assert.rejects(open(dir, { xdsListen: taken }), {
      code: "port-taken",
      message: `the address ${taken} is taken`,
      hint: /--xds HOST:PORT/,
    });
    await assert.rejects(open(dir, { listen: taken }), {
      code: "port-taken",
      hint: /--listen HOST:PORT/,
    });
    assert.equal(await findControlPlane(dir), null);
    const plane = await open(dir);
    await plane.close();
    assert.equal(await findControlPlane(dir), null);
  });

  it("refuses to open the API to strangers", async () => {
    await assert.rejects(open(join(dir, "never"), { listen: "0.0.0.0:0" }), {
      code: "listen-beyond-loopback",
    });
    assert.equal((await readdir(dir)).includes("never"), false);
  });

  it("says which file is in the way", async () => {
    await writeFile(join(dir, "file"), "");
    await assert.rejects(open(join(dir, "file")), { code: "data-directory-unusable" });
    const broken = join(dir, "broken");
    await (await open(broken)).close();
    await writeFile(join(broken, "store.db"), "this is no database".repeat(500));
    await assert.rejects(open(broken), { code: "store-unusable" });
  });
});

async function eventually<T>(look: () => Promise<T | null>): Promise<T> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = await look();
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("it never came to be");
}
