import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamedService } from "@weft/proxy";
import { addressesAt, VirtualAddresses, type AddressMode } from "./virtual-addresses.ts";

const service = (name: string, ...ports: number[]): NamedService => ({
  service: name,
  namespace: "shop",
  ports: ports.map((port) => ({ name: "", port, protocol: "http" })),
  isHeadless: false,
});

function open(mode: AddressMode, taken: (address: string, tries: number) => boolean = () => false) {
  const calls: string[] = [];
  const trouble: string[] = [];
  const addresses = new VirtualAddresses({
    mode,
    workload: "shop/web-aaaaa",
    onTrouble: (message) => trouble.push(message),
    owner: {
      listenFor(_service, address) {
        calls.push(address);
        return Promise.resolve(taken(address, calls.length) ? "taken" : "listening");
      },
      assign(_service, address) {
        calls.push(address);
        return Promise.resolve();
      },
    },
  });
  return { addresses, calls, trouble };
}

test("a loopback address is of 127.128.0.0/9, the same every time, opened once", async () => {
  const { addresses, calls } = open("loopback");
  const [first, again] = await Promise.all([
    addresses.resolve(service("catalog", 80)),
    addresses.resolve(service("catalog", 80)),
  ]);
  assert.deepEqual(first, again);
  assert.match(first[0] ?? "", /^127\.(12[89]|1[3-9]\d|2\d\d)\.\d+\.\d+$/);
  assert.deepEqual(await addresses.resolve(service("catalog", 80)), first);
  assert.equal(calls.length, 1);
  assert.deepEqual(await open("loopback").addresses.resolve(service("catalog", 80)), first);
  assert.deepEqual(addresses.serviceAt(first[0] ?? "")?.service, "catalog");
});

test("an address that another agent has is passed over", async () => {
  const { addresses, calls } = open("loopback", (_address, tries) => tries <= 2);
  const [address] = await addresses.resolve(service("catalog", 80));
  assert.equal(calls.length, 3);
  assert.equal(address, calls[2]);
  const none = open("loopback", () => true);
  assert.deepEqual(await none.addresses.resolve(service("catalog", 80)), []);
  assert.deepEqual(none.trouble, ["no address is free for a service"]);
});

test("a port that comes later is opened at the same address", async () => {
  const { addresses, calls } = open("loopback");
  const before = await addresses.resolve(service("catalog", 80));
  assert.deepEqual(await addresses.resolve(service("catalog", 80, 81)), before);
  assert.deepEqual(calls, [before[0], before[0]]);
});

test("an address of an earlier run is taken again, where it can be", async () => {
  const { addresses, calls } = open("loopback");
  assert.deepEqual(await addresses.resolve(service("catalog", 80), ["127.130.0.7"]), [
    "127.130.0.7",
  ]);
  assert.deepEqual(addresses.names, [{ name: "catalog.shop", addresses: ["127.130.0.7"] }]);
  const [other] = await addresses.resolve(service("web", 80), ["240.0.0.9", "2001:2::9"]);
  assert.match(other ?? "", /^127\./, "of the other mode");
  assert.equal(calls.length, 2);
  const taken = open("loopback", (address) => address === "127.130.0.7");
  const [free] = await taken.addresses.resolve(service("catalog", 80), ["127.130.0.7"]);
  assert.notEqual(free, "127.130.0.7");
});

test("with capture there are two families, and the workers are told of both", async () => {
  const { addresses, calls } = open("virtual");
  const both = await addresses.resolve(service("catalog", 80));
  assert.match(both[0] ?? "", /^24[0-7]\./);
  assert.match(both[1] ?? "", /^2001:2::/);
  assert.deepEqual(calls, both);
});

test("no hash gives the first or last address of a range", () => {
  for (const hash of [0, 1, 2 ** 23 - 3, 2 ** 23 - 2, 2 ** 27 - 3, 2 ** 27 - 2, 0xffffffff]) {
    const [loopback = ""] = addressesAt("loopback", hash);
    assert.notEqual(loopback, "127.128.0.0");
    assert.notEqual(loopback, "127.255.255.255");
    const [virtual = ""] = addressesAt("virtual", hash);
    assert.notEqual(virtual, "240.0.0.0");
    assert.ok(
      virtual.split(".").every((part) => Number(part) <= 255),
      virtual,
    );
  }
});
