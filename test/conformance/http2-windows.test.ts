// Windows of a connection that many requests share: what a slow reader holds at the end of one
// response does not stay missing from the next ones (RFC 9113 §5.2).

import assert from "node:assert/strict";
import { connect } from "node:http2";
import { behaviour } from "./harness.ts";

const responseBytes = 100_000;
/** Together more than the 1 MiB window of a connection between sidecars, many times. */
const requests = 60;

behaviour(
  "slow readers leave nothing of the shared window behind",
  import.meta.url,
  async (mesh) => {
    mesh.program("catalog-1").onRequest = (_request, response) => {
      response.end(Buffer.alloc(responseBytes));
    };
    const { outbound } = mesh.proxy("web").ports;
    // Small windows: the response is whole at the proxy long before the reader has it.
    const session = connect(`http://127.0.0.1:${outbound}`, {
      settings: { initialWindowSize: 4_096 },
    });
    session.on("error", () => undefined);
    try {
      for (let at = 0; at < requests; at++) {
        const stream = session.request({ ":path": "/", ":authority": "catalog" });
        let bytes = 0;
        for await (const chunk of stream) bytes += (chunk as Buffer).length;
        assert.equal(bytes, responseBytes, `request ${at}`);
      }
    } finally {
      session.destroy();
    }
  },
);
