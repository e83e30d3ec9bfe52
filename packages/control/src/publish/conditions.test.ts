import assert from "node:assert/strict";
import { test } from "node:test";
import {
  peerAuthentication,
  route,
  service,
  trafficPolicy,
  workload,
} from "../compile/fixture.test.ts";
import { World } from "./fixture.test.ts";

const TO_CATALOG = [{ backendRefs: [{ name: "catalog", port: 80 }] }];
const SETTLED = 250;

test("a route is accepted, resolved and, once proxies run it, programmed", async () => {
  const world = new World(service("catalog"), route("r", ["catalog"], TO_CATALOG));
  const [a, b] = [world.connect("shop/a"), world.connect("shop/b")];
  await world.pass(1);
  a.apply();
  await world.pass(SETTLED);
  const read = () => world.objects.conditions("HTTPRoute", "r");
  assert.deepEqual(read(), {
    Accepted: "True Accepted",
    ResolvedRefs: "True ResolvedRefs",
    Programmed: "False Pending 1 of 2 proxies run it.",
  });
  b.apply();
  await world.pass(SETTLED);
  assert.equal(read()["Programmed"], "True Programmed 2 of 2 proxies run it.");
  const status = world.objects.status("HTTPRoute", "r") as {
    parents: { controllerName: string; conditions: { observedGeneration: number }[] }[];
  };
  assert.equal(status.parents[0]?.controllerName, "weft.dev/control-plane");
  assert.equal(status.parents[0]?.conditions[0]?.observedGeneration, 2);
});

test("proxies that answer at once make one write", async () => {
  const world = new World(service("catalog"));
  const proxies = [1, 2, 3].map((n) => world.connect(`shop/p${n}`));
  for (const proxy of proxies) proxy.isEager = true;
  await world.pass(SETTLED);
  world.objects.written.length = 0;
  world.objects.put(route("r", ["catalog"], TO_CATALOG));
  await world.pass(SETTLED);
  assert.deepEqual(world.objects.written, ["HTTPRoute/shop/r"]);
  const { Programmed } = world.objects.conditions("HTTPRoute", "r");
  assert.equal(Programmed, "True Programmed 3 of 3 proxies run it.");
  await world.pass(1000);
  assert.equal(world.objects.written.length, 1, "and no more");
});

test("what ran everywhere stays programmed while other news are on their way", async () => {
  const world = new World(service("catalog"), route("r", ["catalog"], TO_CATALOG));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  proxy.apply();
  await world.pass(SETTLED);
  world.objects.written.length = 0;
  world.objects.put(workload("w", "catalog"));
  world.connect("shop/late");
  await world.pass(SETTLED);
  assert.deepEqual(world.objects.written, []);
  const { Programmed } = world.objects.conditions("HTTPRoute", "r");
  assert.equal(Programmed, "True Programmed 1 of 1 proxy runs it.");
});

test("counts follow, in time, proxies that come and go", async () => {
  const world = new World(service("catalog"), route("r", ["catalog"], TO_CATALOG));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  proxy.apply();
  await world.pass(SETTLED);
  const late = world.connect("shop/late");
  late.apply();
  await world.pass(20_500);
  const read = () => world.objects.conditions("HTTPRoute", "r")["Programmed"];
  assert.equal(read(), "True Programmed 2 of 2 proxies run it.");
  proxy.close();
  late.close();
  await world.pass(20_500);
  assert.equal(read(), "Unknown Pending No proxy is connected.");
});

test("a control plane that starts anew writes nothing that stands already", async () => {
  const first = new World(
    service("catalog"),
    route("r", ["catalog"], TO_CATALOG),
    trafficPolicy("p", { kind: "Service", name: "catalog" }, { retry: { attempts: 1 } }),
  );
  const proxy = first.connect("shop/a");
  proxy.isEager = true;
  await first.pass(SETTLED);
  assert.equal(first.objects.written.length, 2);
  const second = new World();
  for (const [key, object] of first.objects.stored) second.objects.stored.set(key, object);
  await second.pass(SETTLED);
  const again = second.connect("shop/a");
  await second.pass(SETTLED);
  again.apply();
  await second.pass(SETTLED);
  assert.deepEqual(second.objects.written, []);
});

test("a refusal names the proxy and its words, and goes when the proxy takes the next", async () => {
  const world = new World(service("catalog"));
  const [good, bad] = [world.connect("shop/good"), world.connect("shop/bad")];
  good.isEager = true;
  await world.pass(1);
  good.apply();
  bad.apply();
  await world.pass(SETTLED);
  world.objects.put(route("r", ["catalog"], TO_CATALOG));
  await world.pass(20);
  bad.refuse("virtual_hosts[0].routes[0]: no");
  await world.pass(SETTLED);
  const read = () => world.objects.conditions("HTTPRoute", "r")["Programmed"];
  const words = "Refused by shop/bad: virtual_hosts[0].routes[0]: no";
  assert.equal(read(), `False Refused 1 of 2 proxies run it. ${words}`);
  world.objects.put(service("orders"));
  await world.pass(20);
  bad.apply();
  await world.pass(SETTLED);
  assert.equal(read(), "True Programmed 2 of 2 proxies run it.");
});

test("of several new objects the one a refusal names is to blame", async () => {
  const world = new World(service("catalog"), service("orders"));
  const proxy = world.connect("shop/a");
  await world.pass(1);
  proxy.apply();
  const toOrders = [{ backendRefs: [{ name: "orders", port: 80 }] }];
  world.objects.put(route("good", ["catalog"], TO_CATALOG), route("bad", ["orders"], toOrders));
  await world.pass(20);
  proxy.refuse("route shop/bad/0: no such thing");
  await world.pass(SETTLED);
  assert.match(world.objects.conditions("HTTPRoute", "bad")["Programmed"] ?? "", /Refused/);
  assert.match(world.objects.conditions("HTTPRoute", "good")["Programmed"] ?? "", /Pending/);
});

test("a route to nowhere says so, and says otherwise when the Service comes", async () => {
  const world = new World(route("r", ["catalog"], [{ backendRefs: [{ name: "gone", port: 80 }] }]));
  const proxy = world.connect("shop/a");
  proxy.isEager = true;
  await world.pass(SETTLED);
  assert.deepEqual(world.objects.conditions("HTTPRoute", "r"), {
    Accepted: "False NoMatchingParent There is no Service shop/catalog.",
    ResolvedRefs: "False BackendNotFound rules[0].backendRefs[0]: there is no Service shop/gone.",
    Programmed: "False NotAccepted",
  });
  world.objects.put(service("catalog"), service("gone"));
  await world.pass(SETTLED);
  assert.deepEqual(world.objects.conditions("HTTPRoute", "r"), {
    Accepted: "True Accepted",
    ResolvedRefs: "True ResolvedRefs",
    Programmed: "True Programmed 1 of 1 proxy runs it.",
  });
});

test("a consumer's route is in force on the proxies of its own namespace", async () => {
  const parent = { group: "", kind: "Service", name: "catalog", namespace: "shop" };
  const refs = [{ backendRefs: [{ name: "catalog", namespace: "shop", port: 80 }] }];
  const world = new World(service("catalog"), route("c", [parent], refs, { namespace: "web" }));
  world.connect("shop/a");
  const own = world.connect("web/b");
  await world.pass(1);
  own.apply();
  await world.pass(SETTLED);
  const { Programmed } = world.objects.conditions("HTTPRoute", "c", "web");
  assert.equal(Programmed, "True Programmed 1 of 1 proxy runs it.");
});

test("a status is not written over a newer form of the object", async () => {
  const world = new World(service("catalog"), route("r", ["catalog"], TO_CATALOG));
  const proxy = world.connect("shop/a");
  proxy.isEager = true;
  const { patchStatus } = world.objects;
  world.objects.patchStatus = async (kind, namespace, name, mutate) => {
    world.objects.patchStatus = patchStatus;
    world.objects.put(route("r", ["gone"], TO_CATALOG));
    return await patchStatus(kind, namespace, name, mutate);
  };
  await world.pass(130);
  assert.deepEqual(world.objects.conditions("HTTPRoute", "r"), {}, "judged for the older form");
  await world.pass(SETTLED);
  assert.match(
    world.objects.conditions("HTTPRoute", "r")["Accepted"] ?? "",
    /no Service shop\/gone/,
  );
});

test("entries of other controllers stay, ours go with their parents", async () => {
  const foreign = {
    parentRef: { name: "edge" },
    controllerName: "example.org/other",
    conditions: [
      {
        type: "Accepted",
        status: "True",
        reason: "Accepted",
        message: "",
        lastTransitionTime: "2026-01-01T00:00:00Z",
      },
    ],
  };
  const made = route("r", ["catalog", "orders"], TO_CATALOG, { status: { parents: [foreign] } });
  const world = new World(service("catalog"), service("orders"), made);
  await world.pass(SETTLED);
  const parents = () => {
    const status = world.objects.status("HTTPRoute", "r") as {
      parents: { controllerName: string; parentRef: { name: string } }[];
    };
    return status.parents.map((one) => [one.controllerName, one.parentRef.name]);
  };
  const ours = "weft.dev/control-plane";
  assert.deepEqual(parents(), [
    ["example.org/other", "edge"],
    [ours, "catalog"],
    [ours, "orders"],
  ]);
  world.objects.put(route("r", ["orders"], TO_CATALOG));
  await world.pass(SETTLED);
  assert.deepEqual(parents(), [
    ["example.org/other", "edge"],
    [ours, "orders"],
  ]);
});

test("of two policies on one target the younger reports Conflicted until the older is gone", async () => {
  const target = { kind: "Service", name: "catalog" };
  const world = new World(
    service("catalog"),
    trafficPolicy("old", target, {}, { createdAt: 1 }),
    trafficPolicy("young", target, {}, { createdAt: 2 }),
  );
  const proxy = world.connect("shop/a");
  proxy.isEager = true;
  await world.pass(SETTLED);
  const read = (name: string) => world.objects.conditions("TrafficPolicy", name);
  assert.deepEqual(read("old"), {
    Accepted: "True Accepted",
    Programmed: "True Programmed 1 of 1 proxy runs it.",
  });
  const lost = "Service catalog (old is older).";
  assert.deepEqual(read("young"), {
    Accepted: `False Conflicted An older policy holds for ${lost}`,
    Conflicted: `True Conflicted Another TrafficPolicy holds for ${lost}`,
    Programmed: "False NotAccepted",
  });
  world.objects.delete("TrafficPolicy", "shop", "old");
  await world.pass(SETTLED);
  assert.equal(read("young")["Accepted"], "True Accepted");
  assert.equal(read("young")["Conflicted"], "False NotConflicted");
});

test("policies without a target and values proxies do not have are reported", async () => {
  const world = new World(
    service("catalog"),
    peerAuthentication("lost", {
      targetRefs: [{ group: "", kind: "Service", name: "gone" }],
      mtls: { mode: "Strict" },
    }),
    trafficPolicy(
      "fancy",
      { kind: "Service", name: "catalog" },
      {
        loadBalancer: { algorithm: "Maglev" },
      },
    ),
    { kind: "MeshConfig", name: "default", spec: {} },
  );
  await world.pass(SETTLED);
  assert.match(
    world.objects.conditions("PeerAuthentication", "lost")["Accepted"] ?? "",
    /^False TargetNotFound Not found: Service gone\./,
  );
  const fancy = world.objects.conditions("TrafficPolicy", "fancy");
  assert.equal(fancy["Accepted"], "True Accepted");
  assert.match(fancy["PartiallyInvalid"] ?? "", /^True UnsupportedValue .*Maglev is done as Least/);
  assert.equal(world.objects.conditions("MeshConfig", "default", "")["Accepted"], "True Accepted");
});

test("a Service says which workloads have no port for it, and only then", async () => {
  const world = new World(service("catalog"), workload("a", "catalog"));
  await world.pass(SETTLED);
  assert.deepEqual(world.objects.written, []);
  const ports = [{ name: "admin", port: 9090 }];
  world.objects.put(workload("b", "catalog", { ports }));
  await world.pass(SETTLED);
  const read = () => world.objects.conditions("Service", "catalog")["weft.dev/PortsServed"];
  assert.equal(read(), "False NoMatchingPort Port http 80 (targetPort http) finds no port of b.");
  world.objects.delete("Workload", "shop", "b");
  await world.pass(SETTLED);
  assert.equal(read(), "True PortsServed");
});

test("Gateways of our class wait for a gateway proxy; others are not ours", async () => {
  const listeners = [
    { name: "http", port: 80, protocol: "HTTP" },
    { name: "raw", port: 81, protocol: "TCP" },
  ];
  const gateway = (name: string, gatewayClassName: string) => ({
    kind: "Gateway",
    namespace: "shop",
    name,
    spec: { gatewayClassName, listeners },
  });
  const gatewayClass = (name: string, controllerName: string) => ({
    kind: "GatewayClass",
    name,
    spec: { controllerName },
  });
  const world = new World(
    gatewayClass("weft", "weft.dev/control-plane"),
    gatewayClass("other", "example.org/other"),
    gateway("edge", "weft"),
    gateway("theirs", "other"),
    route("in", [{ name: "edge" }, { name: "theirs" }], TO_CATALOG),
    route("far", [{ name: "edge", namespace: "shop" }], TO_CATALOG, { namespace: "web" }),
    service("catalog"),
  );
  await world.pass(SETTLED);
  assert.equal(world.objects.conditions("GatewayClass", "weft", "")["Accepted"], "True Accepted");
  assert.equal(
    world.objects.conditions("GatewayClass", "other", "")["Accepted"]?.startsWith("Unknown"),
    true,
  );
  const edge = world.objects.conditions("Gateway", "edge");
  assert.equal(edge["Accepted"], "True Accepted");
  assert.equal(edge["Programmed"], "False Pending No gateway proxy serves this Gateway.");
  const status = world.objects.status("Gateway", "edge") as {
    listeners: { name: string; attachedRoutes: number; supportedKinds: unknown[] }[];
  };
  assert.deepEqual(
    status.listeners.map((one) => [one.name, one.attachedRoutes, one.supportedKinds.length]),
    [
      ["http", 1, 2],
      ["raw", 0, 0],
    ],
  );
  const { parents } = world.objects.status("HTTPRoute", "in") as { parents: unknown[] };
  assert.equal(parents.length, 1, "theirs is not ours to judge");
  const programmed = world.objects.conditions("HTTPRoute", "in")["Programmed"];
  assert.equal(programmed, "False Pending No gateway proxy serves this Gateway.");
  assert.match(
    world.objects.conditions("HTTPRoute", "far", "web")["Accepted"] ?? "",
    /^False NotAllowedByListeners/,
  );
});
