import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { behaviour, eventually, type Mesh, type RawConnection } from "./harness.ts";

const options = { upstreams: [{ name: "DB", service: "db", namespace: "default", port: null }] };

function dial(mesh: Mesh): RawConnection {
  return mesh.rawTo(Number((mesh.proxy("web").ports.upstreams["DB"] ?? "").split(":")[1]));
}

behaviour(
  "each side may end its half first",
  import.meta.url,
  async (mesh) => {
    mesh.program("db-1").onSocket = (socket) => {
      let bytes = 0;
      socket.on("data", (chunk) => {
        bytes += chunk.length;
      });
      socket.on("end", () => {
        setTimeout(() => socket.end(`took ${bytes}`), 50);
      });
    };
    const connection = dial(mesh);
    connection.write("x".repeat(100_000));
    connection.socket.end();
    await connection.untilOver();
    assert.equal(connection.text, "took 100000");
    mesh.program("db-1").onSocket = (socket) => {
      socket.end("bye");
      socket.on("data", (chunk) =>
        mesh.program("db-1").seen.push({ body: String(chunk) } as never),
      );
    };
    const other = dial(mesh);
    await other.until(({ hasEnded }) => hasEnded);
    assert.equal(other.text, "bye");
    other.write("still going");
    await eventually(() => mesh.program("db-1").seen.some(({ body }) => body === "still going"));
  },
  options,
);

behaviour(
  "a slow reader slows the writer down, and every byte arrives",
  import.meta.url,
  async (mesh) => {
    // More than the system's buffers of three connections can hold.
    const total = 60_000_000;
    let server: Socket | null = null;
    mesh.program("db-1").onSocket = (socket) => {
      server = socket;
      const chunk = Buffer.alloc(200_000, "y");
      let sent = 0;
      const pump = (): void => {
        while (sent < total) {
          sent += chunk.length;
          if (!socket.write(chunk)) {
            socket.once("drain", pump);
            return;
          }
        }
        socket.end();
      };
      pump();
    };
    const connection = dial(mesh);
    let received = 0;
    connection.socket.removeAllListeners("data");
    connection.socket.pause();
    await eventually(() => server !== null);
    const taken = (): number => {
      const socket = server as unknown as Socket;
      return socket.bytesWritten - socket.writableLength;
    };
    let held = -1;
    for (let stillSince = performance.now(); performance.now() - stillSince < 500; ) {
      if (taken() !== held) stillSince = performance.now();
      held = taken();
      assert.ok(held < total, `${held} bytes were taken from the writer while nobody read`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    connection.socket.on("data", (bytes) => {
      received += bytes.length;
    });
    connection.socket.resume();
    await connection.untilOver(60_000);
    assert.equal(received, total);
  },
  options,
);

behaviour(
  "a reset on one side is a reset on the other",
  import.meta.url,
  async (mesh) => {
    mesh.program("db-1").onSocket = (socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    };
    const connection = dial(mesh).write("x");
    await connection.until(({ isClosed, hasEnded }) => isClosed || hasEnded);
    assert.equal(connection.text, "");
  },
  options,
);
