// ClientHellos made by OpenSSL are read whole, in every number of pieces and records; damaged ones
// are refused.

import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { test } from "node:test";
import tls from "node:tls";
import { ClientHello, HelloStatus, readClientHello } from "./client-hello.ts";

/** What a TLS client of node's says first. */
async function capture(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[net.Socket]>;
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ port, host: "127.0.0.1", ...options });
  client.on("error", () => {});
  const [socket] = await accepted;
  let bytes = Buffer.alloc(0);
  while (readClientHello(bytes, new ClientHello()) === HelloStatus.More) {
    const [piece] = (await once(socket, "data")) as [Buffer];
    bytes = Buffer.concat([bytes, piece]);
  }
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

/** The same message in records of `size` bytes. */
function rerecorded(bytes: Buffer, size: number): Buffer {
  const message = bytes.subarray(5, 5 + bytes.readUInt16BE(3));
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const piece = message.subarray(at, at + size);
    const head = Buffer.from([0x16, 3, 1, piece.length >> 8, piece.length & 0xff]);
    records.push(head, piece);
  }
  return Buffer.concat(records);
}

test("SNI, ALPN and versions are read, however the bytes are cut", async () => {
  const bytes = await capture({ servername: "Catalog.shop", ALPNProtocols: ["h2", "http/1.1"] });
  for (const input of [bytes, rerecorded(bytes, 100), rerecorded(bytes, 1)]) {
    const hello = new ClientHello();
    for (let length = 0; length < input.length; length++) {
      const status = readClientHello(input.subarray(0, length), hello);
      assert.equal(status, HelloStatus.More, `${length} of ${input.length}`);
    }
    assert.equal(readClientHello(input, hello), HelloStatus.Done);
    assert.equal(hello.serverName, "catalog.shop");
    assert.deepEqual(hello.protocols, ["h2", "http/1.1"]);
    assert.deepEqual(hello.versions, [0x0304, 0x0303]);
  }
});

test("a client without SNI and ALPN is read", async () => {
  const bytes = await capture({ maxVersion: "TLSv1.2" });
  const hello = new ClientHello();
  assert.equal(readClientHello(bytes, hello), HelloStatus.Done);
  assert.deepEqual(hello, Object.assign(new ClientHello(), { versions: [0x0303] }));
});

test("what is not TLS is told at its first byte", () => {
  const hello = new ClientHello();
  for (const text of ["GET / HTTP/1.1\r\n", "PRI", "\x15\x03\x01", "\x16\x02", "\x80\x2e\x01"]) {
    const status = readClientHello(Buffer.from(text, "latin1"), hello);
    assert.equal(status, HelloStatus.NotTls, JSON.stringify(text));
  }
  assert.equal(readClientHello(Buffer.alloc(0), hello), HelloStatus.More);
});

test("damaged hellos are refused", async () => {
  const bytes = await capture({ servername: "a.b", ALPNProtocols: ["h2"] });
  const hello = new ClientHello();
  const changed = (at: number, byte: number): HelloStatus => {
    const copy = Buffer.from(bytes);
    copy[at] = byte;
    return readClientHello(copy, hello);
  };
  assert.equal(changed(5, 2), HelloStatus.Malformed, "another handshake message");
  assert.equal(changed(6, 1), HelloStatus.TooLarge, "65,536 bytes and more");
  assert.equal(changed(43, 33), HelloStatus.Malformed, "a session of 33 bytes");
  const name = bytes.indexOf("a.b");
  assert.equal(changed(name, 0), HelloStatus.Malformed, "a NUL in the name");
  assert.equal(changed(name, 0x2e), HelloStatus.Malformed, "an empty label");
  assert.equal(changed(name - 3, 1), HelloStatus.Malformed, "a name of another type");
  const empty = Buffer.concat([Buffer.from([0x16, 3, 1, 0, 0]), bytes]);
  assert.equal(readClientHello(empty, hello), HelloStatus.Malformed, "an empty record");
});
