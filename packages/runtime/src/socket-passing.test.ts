import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { bindListener, canShareListeners } from "./listen.ts";
import { descriptorOf } from "./process-image.ts";
import { sendSockets } from "./socket-passing.ts";

const skip = canShareListeners() && process.platform === "linux" ? false : "Linux and FFI alone";

/** Serves on what it is sent, named or not, once it is told that all has been sent. */
const receiver = `
import { createServer } from "node:net";
import { receiveSockets } from "${new URL("./socket-passing.ts", import.meta.url).href}";
process.stdin.once("data", () => {
  const sockets = receiveSockets(3);
  process.stdout.write(Object.keys(sockets).join());
  for (const [name, fd] of Object.entries(sockets)) {
    createServer((socket) => socket.end(name)).listen({ fd });
  }
});
process.stdin.on("end", () => process.exit());`;

test("another process serves sockets by the names they were sent with", {
  skip,
}, async (context) => {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", receiver],
    { stdio: ["pipe", "pipe", "inherit", "pipe"] },
  );
  context.after(() => child.kill("SIGKILL"));
  const bound = [bindListener("127.0.0.1", 0), bindListener("127.0.0.1", 0)] as const;
  const sockets = { first: bound[0].fd, "virtual/127.128.0.1:80": bound[1].fd };
  assert.equal(sendSockets(descriptorOf(child.stdio[3] as Socket), sockets), true);
  for (const one of bound) one.close();
  child.stdin?.write("go");
  const [names] = (await once(child.stdout as Readable, "data")) as [Buffer];
  assert.equal(names.toString(), "first,virtual/127.128.0.1:80");
  for (const [i, { port }] of bound.entries()) {
    const [said] = (await once(connect(port, "127.0.0.1"), "data")) as [Buffer];
    assert.equal(said.toString(), Object.keys(sockets)[i]);
  }
});
