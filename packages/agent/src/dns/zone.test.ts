import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamedService } from "@weft/proxy";
import { answerFrom, reversedAddress, type ZoneView } from "./zone.ts";

const catalog: NamedService = {
  service: "catalog",
  namespace: "shop",
  ports: [
    { name: "http", port: 80, protocol: "http" },
    { name: "admin", port: 9000, protocol: "tcp" },
  ],
  isHeadless: false,
};
const db: NamedService = {
  service: "db",
  namespace: "shop",
  ports: [{ name: "pg", port: 5432, protocol: "tcp" }],
  isHeadless: true,
};
const names = new Map<string, NamedService>();
for (const one of [catalog, db]) {
  for (const form of ["", ".shop", ".shop.mesh", ".shop.svc.cluster.local"]) {
    names.set(one.service + form, one);
  }
}
const view: ZoneView = {
  domain: "cluster.local",
  findService: (name) => names.get(name) ?? null,
  endpointsOf: (service) =>
    service === db
      ? [
          { workload: "db-aaaaa", address: "127.0.0.2" },
          { workload: "db-bbbbb", address: "127.0.0.3" },
        ]
      : [],
  addressesOf: () => ["240.0.0.7", "2001:2::7"],
  serviceAt: (address) => (address === "240.0.0.7" ? catalog : null),
  ttlSeconds: () => 5,
};

const data = (name: string, type: string): unknown =>
  answerFrom(view, name, type)?.answers.map((one) => ("data" in one ? one.data : null));

test("every form of a name has the service's address, of the family asked for", () => {
  for (const name of [
    "catalog",
    "catalog.shop",
    "catalog.shop.mesh",
    "catalog.shop.svc.cluster.local",
  ]) {
    assert.deepEqual(data(name, "A"), ["240.0.0.7"], name);
    assert.deepEqual(data(name, "AAAA"), ["2001:2::7"], name);
    assert.deepEqual(data(name, "UNKNOWN_65"), [], name);
  }
});

test("a headless name has every endpoint's address, and a name for each", () => {
  assert.deepEqual(data("db.shop", "A"), ["127.0.0.2", "127.0.0.3"]);
  assert.deepEqual(data("db.shop", "AAAA"), []);
  assert.deepEqual(data("db-bbbbb.db.shop.mesh", "A"), ["127.0.0.3"]);
  assert.equal(answerFrom(view, "db-ccccc.db.shop.mesh", "A")?.isMissing, true);
});

test("SRV names ports, with the addresses beside them", () => {
  const answer = answerFrom(view, "_http._tcp.catalog.shop.mesh", "SRV");
  assert.deepEqual(data("_http._tcp.catalog.shop.mesh", "SRV"), [
    { priority: 0, weight: 1, port: 80, target: "catalog.shop.svc.cluster.local" },
  ]);
  assert.deepEqual(
    answer?.additionals.map((one) => [one.type, one.name]),
    [
      ["A", "catalog.shop.svc.cluster.local"],
      ["AAAA", "catalog.shop.svc.cluster.local"],
    ],
  );
  assert.deepEqual(data("_pg._tcp.db.shop", "SRV"), [
    { priority: 0, weight: 1, port: 5432, target: "db-aaaaa.db.shop.svc.cluster.local" },
    { priority: 0, weight: 1, port: 5432, target: "db-bbbbb.db.shop.svc.cluster.local" },
  ]);
  assert.equal(answerFrom(view, "_nope._tcp.catalog.shop.mesh", "SRV")?.isMissing, true);
  assert.equal(answerFrom(view, "_http._udp.catalog.shop.mesh", "SRV")?.isMissing, true);
});

test("TXT says what a name is", () => {
  assert.deepEqual(data("catalog", "TXT"), [
    [
      "service=catalog",
      "namespace=shop",
      "port=80 protocol=http name=http",
      "port=9000 protocol=tcp name=admin",
    ],
  ]);
});

test("the mesh speaks for its own zones alone", () => {
  assert.equal(answerFrom(view, "example.com", "A"), null);
  assert.equal(answerFrom(view, "nothing.shop", "A"), null, "may be a name of the world");
  for (const name of ["nothing.shop.mesh", "nothing.shop.svc.cluster.local", "a.b.c.mesh"]) {
    assert.equal(answerFrom(view, name, "A")?.isMissing, true, name);
  }
  for (const name of ["mesh", "shop.mesh", "svc.cluster.local", "shop.svc.cluster.local"]) {
    assert.equal(answerFrom(view, name, "A")?.isMissing, false, `${name} has names below it`);
  }
});

test("an address leads back to its name", () => {
  assert.deepEqual(data("7.0.0.240.in-addr.arpa", "PTR"), ["catalog.shop.svc.cluster.local"]);
  assert.equal(answerFrom(view, "8.0.0.240.in-addr.arpa", "PTR"), null);
  const nibbles = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.2";
  assert.equal(reversedAddress(`${nibbles}.ip6.arpa`), "2001:2::7");
  assert.equal(reversedAddress("7.0.ip6.arpa"), null);
  assert.equal(reversedAddress("300.0.0.240.in-addr.arpa"), null);
});
