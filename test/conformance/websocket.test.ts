import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { behaviour, eventually } from "./harness.ts";

const upgrade =
  "GET /room HTTP/1.1\r\nhost: chat\r\nconnection: Upgrade\r\nupgrade: websocket\r\n" +
  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";

behaviour(
  "an upgrade to websocket is a tunnel from end to end (H59)",
  import.meta.url,
  async (mesh) => {
    const connection = mesh.raw("web").write(upgrade);
    await connection.until(({ text }) => text.includes("\r\n\r\n"));
    assert.match(connection.text, /^HTTP\/1\.1 101 /);
    assert.match(connection.text, /upgrade: websocket/i);
    assert.match(connection.text, /connection: upgrade/i);
    connection.text = "";
    connection.write("hello");
    await connection.until(({ text }) => text === "chat-1:/room:hello");
    connection.text = "";
    const large = "x".repeat(300_000);
    connection.write(large);
    await connection.until(
      ({ text }) => text.replaceAll("chat-1:/room:", "").length === large.length,
    );
    connection.socket.end();
    await connection.untilOver();
  },
);

behaviour(
  "an upgrade that is refused stays HTTP, and bytes sent early go nowhere (H29)",
  import.meta.url,
  async (mesh) => {
    const program = mesh.program("chat-1");
    let received = "";
    program.onSocket = (socket) => {
      socket.on("data", (bytes) => {
        received += bytes.toString("latin1");
        if (received.includes("\r\n\r\n")) {
          socket.write("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
        }
      });
    };
    const connection = mesh.raw("web").write(`${upgrade}EARLY-FRAME-BYTES\r\n\r\n`);
    await connection.until(({ text }) => text.includes("no"));
    assert.match(connection.text, /^HTTP\/1\.1 403 /);
    await connection.untilOver();
    assert.ok(!received.includes("EARLY"));
  },
);

behaviour(
  "an upgrade to anything else is forwarded as a plain request (H29)",
  import.meta.url,
  async (mesh) => {
    const answer = await mesh.send("web", "http://chat/", {
      headers: {
        connection: "Upgrade, HTTP2-Settings",
        upgrade: "h2c",
        "http2-settings": "AAMAAABkAAQ",
      },
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.seen.headers["upgrade"], undefined);
    assert.equal(answer.seen.headers["http2-settings"], undefined);
  },
);

behaviour(
  "a flood of pings to a peer that does not read is held back, and every frame arrives untouched (H59)",
  import.meta.url,
  async (mesh) => {
    // Windows are a connection's: more workers change nothing, and it moves many megabytes.
    if (mesh.concurrency > 1) return;
    /** A masked ping of 125 bytes (RFC 6455 section 5.5.2). */
    const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 1, 2, 3, 4]), Buffer.alloc(125, 7)]);
    const flood = Buffer.concat(Array.from({ length: 4_000 }, () => ping));
    const received: Buffer[] = [];
    let receivedBytes = 0;
    let reader: Socket | null = null;
    await mesh.speak("chat-1", (socket) => {
      socket.once("data", () => {
        const switched = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\n";
        socket.write(`${switched}upgrade: websocket\r\n\r\n`);
        socket.pause();
        socket.on("data", (bytes: Buffer) => {
          received.push(bytes);
          receivedBytes += bytes.length;
        });
        socket.pause();
        reader = socket;
      });
    });
    const connection = mesh.raw("web").write(upgrade);
    await connection.until(({ text }) => text.includes("\r\n\r\n"));
    const { socket } = connection;
    let sent = 0;
    // Until nothing more is taken for a while.
    const deadline = performance.now() + 10_000;
    let lastAtMs = performance.now();
    while (performance.now() < deadline && performance.now() - lastAtMs < 400) {
      if (socket.writableLength === 0) {
        socket.write(flood);
        sent += flood.length;
        lastAtMs = performance.now();
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.ok(socket.writableLength > 0, `the proxies took ${sent} bytes that nobody reads`);
    assert.ok(sent < 40_000_000, `${sent} bytes were taken`);
    (reader as unknown as Socket).resume();
    await eventually(() => receivedBytes === sent, 30_000);
    const whole = Buffer.concat(received);
    for (let at = 0; at < sent; at += flood.length) {
      assert.ok(whole.subarray(at, at + flood.length).equals(flood), `changed after ${at} bytes`);
    }
  },
);
