// A port nobody listens on right now. Another process may take it before its user does: fit for
// demos and tests, where the user then says so. It is below the range from which systems take the
// local ports of outgoing connections, or a busy host would take it back within seconds.

import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const first = 20_000;
const end = 32_000;
const attemptsMax = 100;

/** Rejects when the address is not this host's. */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = await listenOnce(randomInt(first, end), address);
    if (port !== null) return port;
  }
  return (await listenOnce(0, address)) ?? 0;
}

/** Null when the port is taken. */
function listenOnce(port: number, address: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (port !== 0 && error.code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen(port, address, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : 0));
    });
  });
}
