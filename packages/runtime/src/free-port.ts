// A port nobody listens on right now. Another process may take it before its user does: fit for
// demos and tests, where the user then says so.

import { createServer } from "node:net";

/** Rejects when the address is not this host's. */
export function freePort(address = "127.0.0.1"): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, address, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : 0));
    });
  });
}
