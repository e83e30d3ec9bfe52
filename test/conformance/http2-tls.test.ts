// HTTP/2 over the mesh's mutual TLS: ALPN decides, and what RFC 9113 §9.2 forbids is not spoken.

import assert from "node:assert/strict";
import { once } from "node:events";
import { type ConnectionOptions, connect } from "node:tls";
import { Http2Error } from "@weft/wire";
import { behaviour, eventually, type Mesh } from "./harness.ts";
import { Http2Client } from "./http2-client.ts";
import { RawHttp2, requestFields } from "./http2-raw.ts";

async function asWeb(mesh: Mesh, more: ConnectionOptions): Promise<ConnectionOptions> {
  const own = await mesh.authority.issue("spiffe://weft.local/ns/default/sa/web");
  return {
    key: own.keyPem,
    cert: own.chainPem,
    ca: own.rootsPem,
    checkServerIdentity: () => undefined,
    ...more,
  };
}

behaviour(
  "ALPN chooses, and without it HTTP/1.1 is spoken (H52)",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("app-1");
    const client = new Http2Client(port, await asWeb(mesh, {}), "https");
    const got = await client.ask();
    assert.equal(got.status, 200);
    const { headers } = JSON.parse(got.body) as { headers: Record<string, string> };
    assert.match(headers["x-forwarded-client-cert"] ?? "", /sa\/web$/);
    client.close();
    for (const offered of [undefined, ["http/1.1"]]) {
      const options = await asWeb(mesh, offered === undefined ? {} : { ALPNProtocols: offered });
      const socket = connect({ port, host: "127.0.0.1", ...options });
      let text = "";
      socket.on("data", (bytes: Buffer) => {
        text += bytes.toString();
      });
      await once(socket, "secureConnect");
      socket.write("GET /old HTTP/1.1\r\nhost: app\r\n\r\n");
      await eventually(() => text.includes('"url":"/old"'));
      assert.match(text, /^HTTP\/1\.1 200 /);
      socket.destroy();
    }
  },
);

behaviour(
  "a cipher without forward secrecy's AEAD is INADEQUATE_SECURITY (H52)",
  import.meta.url,
  async (mesh) => {
    const port = mesh.inbound("app-1");
    const old = { ALPNProtocols: ["h2"], maxVersion: "TLSv1.2" as const };
    const weak = await asWeb(mesh, { ...old, ciphers: "ECDHE-ECDSA-AES128-SHA256" });
    const refused = new RawHttp2(port, { tls: weak });
    refused.headers(1, requestFields("app"));
    await refused.until((own) => own.isOver);
    assert.equal(refused.goAways.at(-1)?.code, Http2Error.InadequateSecurity);
    assert.deepEqual(mesh.program("app-1").seen, []);
    const strong = await asWeb(mesh, { ...old, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" });
    const served = new RawHttp2(port, { tls: strong });
    served.headers(1, requestFields("app"));
    await served.until((own) => own.hasAnswered(1));
    served.close();
  },
);
