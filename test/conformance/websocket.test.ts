import assert from "node:assert/strict";
import { behaviour } from "./harness.ts";

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
