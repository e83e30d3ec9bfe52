import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { originalDestination, plainAddress, readSocketAddress } from "./original-destination.ts";
import { socketAddress } from "./system-calls.ts";

test("socket addresses are read as they are written", {
  skip: process.platform !== "linux",
}, () => {
  for (const [address, port] of [
    ["10.1.2.3", 80],
    ["240.0.0.1", 65535],
  ] as const) {
    assert.deepEqual(readSocketAddress(socketAddress(address, port), true), { address, port });
  }
  for (const address of ["::1", "fd77::1", "2001:db8::a:0:0:1", "fe80:1:2:3:4:5:6:7"]) {
    const read = readSocketAddress(socketAddress(address, 443), false);
    assert.deepEqual(read, { address, port: 443 });
  }
});

test("an IPv4 address inside IPv6 is an IPv4 address", () => {
  assert.equal(plainAddress("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(plainAddress("::1"), "::1");
  assert.equal(plainAddress("::ffff:a00:1"), "::ffff:a00:1");
});

test("a connection to the listener itself was not captured", async () => {
  const server = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const client = connect(port, "127.0.0.1");
  const accepted = await new Promise<Socket>((resolve) => server.once("connection", resolve));
  try {
    assert.equal(originalDestination(accepted, port), null);
    // Seen from a listener on another port it is one that TPROXY brought.
    assert.deepEqual(originalDestination(accepted, 15_006), { address: "127.0.0.1", port });
  } finally {
    client.destroy();
    accepted.destroy();
    server.close();
  }
});
