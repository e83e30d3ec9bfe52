// How a sidecar that users start ends mutual TLS: one session ticket for each full handshake, by
// OpenSSL's own settings (docs/decisions/0053), and the key exchange that a peer wants.

import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { freePort } from "@weft/runtime";
import { Mesh, nodeBin, root } from "../harness/mesh.ts";
import { localToken, signIn, type SignedIn } from "../harness/sign-in.ts";

const echo = [nodeBin, path.join(root, "test/harness/echo.mjs")];

interface Shaken {
  readonly tickets: Buffer[];
  readonly isReused: boolean;
  readonly group: string;
}

/** Asks for something, so that all that belongs to the handshake has come before the answer. */
function shake(port: number, identity: SignedIn["identity"], more: object): Promise<Shaken> {
  return new Promise((resolve, reject) => {
    const tickets: Buffer[] = [];
    const socket = connect({
      host: "127.0.0.1",
      port,
      key: identity.keyPem,
      cert: identity.chainPem,
      ca: identity.rootsPem,
      ALPNProtocols: ["http/1.1"],
      checkServerIdentity: () => undefined,
      ...more,
    });
    socket.on("session", (ticket: Buffer) => tickets.push(ticket));
    socket.once("error", reject);
    socket.once("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: catalog\r\n\r\n"));
    socket.once("data", () => {
      const { name = "" } = socket.getEphemeralKeyInfo() as { name?: string };
      resolve({ tickets, isReused: socket.isSessionReused(), group: name });
      socket.destroy();
    });
  });
}

test("a full handshake earns one ticket, which resumes", { timeout: 60_000 }, async (context) => {
  const mesh = await Mesh.open(context);
  await mesh.run({ service: "catalog", port: await freePort(), command: echo });
  await mesh.ready("catalog", 1);
  const list = await mesh.json<{ items: { spec: { ports?: { meshPort?: number }[] } }[] }>(
    ...["get", "workloads"],
  );
  const ports = list.items.flatMap(({ spec }) => spec.ports ?? []);
  const port = ports.find((one) => one.meshPort !== undefined)?.meshPort ?? 0;
  const { channel, identity } = await signIn({
    control: `127.0.0.1:${mesh.xdsPort}`,
    token: localToken(mesh.environment["WEFT_DATA_DIR"] ?? ""),
    namespace: "default",
    serviceAccount: "client",
  });
  context.after(() => channel.close());
  const full = await shake(port, identity, {});
  assert.equal(full.tickets.length, 1);
  assert.equal(full.isReused, false);
  const resumed = await shake(port, identity, { session: full.tickets[0] });
  assert.equal(resumed.isReused, true);
  // Hybrid, post-quantum key exchange where the peer knows it, else X25519. Older versions of Node
  // do not tell that they have used it.
  if (Number.parseInt(process.versions.node, 10) >= 26) {
    assert.equal(full.group, "X25519MLKEM768");
  }
  const older = await shake(port, identity, { ecdhCurve: "X25519" });
  assert.equal(older.group, "X25519");
});
