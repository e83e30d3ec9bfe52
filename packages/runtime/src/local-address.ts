// Which of this host's addresses others see: the local end of a connection towards them.

import { connect } from "node:net";

/** Null when nothing answers at `host:port` within `timeoutMs`. */
export function localAddressTowards(
  host: string,
  port: number,
  timeoutMs = 2000,
): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (address: string | null): void => {
      socket.destroy();
      resolve(address);
    };
    socket.setTimeout(timeoutMs, () => settle(null));
    socket.once("error", () => settle(null));
    socket.once("connect", () => settle(socket.localAddress?.replace(/^::ffff:/, "") ?? null));
  });
}

/** True for names and addresses of this host only: `localhost`, 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || /^127\.\d+\.\d+\.\d+$/.test(bare);
}
