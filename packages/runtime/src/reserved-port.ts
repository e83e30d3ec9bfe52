// A port kept for another program of ours that binds it with SO_REUSEPORT, as Envoy does: two of
// those would share a port without a word. Who reserves it first listens on it alone, which fails
// when anybody has it, and then holds it by a socket that is bound and never listens: connections
// do not come to it, and nobody else can reserve the port. socket(7)

import { bindListener } from "./listen.ts";
import { freePort } from "./free-port.ts";
import { socketAddress, type SystemCalls, systemCalls, systemNumbers } from "./system-calls.ts";
import { isIPv6 } from "node:net";

const attemptsMax = 5;

export interface ReservedPort {
  readonly port: number;
  close(): void;
}

/** A taken port is replaced by a free one. Rejects when the address is not this host's. */
export async function reservePort(address: string, preferredPort: number): Promise<ReservedPort> {
  const c = systemCalls();
  // Where nothing can be held, a port that is free now has to do.
  if (c === null) return { port: await freePort(address), close: () => undefined };
  let port = preferredPort === 0 ? await freePort(address) : preferredPort;
  for (let attempt = 1; ; attempt++) {
    const probe = bindListener(address, port);
    try {
      setOne(c, probe.fd, systemNumbers.reusePort);
      const fd = holding(c, address, probe.port);
      if (fd !== null || attempt === attemptsMax) {
        return { port: probe.port, close: () => void (fd !== null && c.close(fd)) };
      }
    } finally {
      probe.close();
    }
    port = await freePort(address);
  }
}

/** Null when somebody else, about to listen, has bound it too: then it is not ours. */
function holding(c: SystemCalls, address: string, port: number): number | null {
  const { addressFamilyV4, addressFamilyV6, reusePort, streamSocket } = systemNumbers;
  const fd = c.socket(isIPv6(address) ? addressFamilyV6 : addressFamilyV4, streamSocket, 0);
  if (fd < 0) return null;
  c.ioctl(fd, systemNumbers.closeOnExec);
  setOne(c, fd, reusePort);
  const name = socketAddress(address, port);
  if (c.bind(fd, name, name.length) === 0) return fd;
  c.close(fd);
  return null;
}

function setOne(c: SystemCalls, fd: number, option: number): void {
  const one = Buffer.alloc(4);
  one.writeInt32LE(1);
  c.setsockopt(fd, systemNumbers.socketLevel, option, one, 4);
}
