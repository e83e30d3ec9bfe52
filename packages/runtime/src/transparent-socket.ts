// A socket that speaks from an address of somebody else (IP_TRANSPARENT, ip(7), and its twin
// IPV6_TRANSPARENT): a program then sees who called, and not the proxy beside it. Needs
// CAP_NET_ADMIN, and routes that bring the answers back (`agent/capture/client-route.ts`).

import { isIPv6 } from "node:net";
import { lastErrno, socketAddress, systemCalls, systemNumbers } from "./system-calls.ts";

/** IP_BIND_ADDRESS_NO_PORT: the port is chosen when it is known whither, so it may serve twice. */
const bindAddressNoPort = 24;

/** A descriptor bound to an address of either family; negative when there can be none. */
export function socketFrom(address: string): number {
  const c = systemCalls();
  if (c === null || process.platform !== "linux") return -1;
  const { addressFamilyV4, addressFamilyV6, closeOnExec, ipLevel, streamSocket } = systemNumbers;
  const { ipTransparent, ipv6Level, ipv6Transparent } = systemNumbers;
  const isV6 = isIPv6(address);
  const fd = c.socket(isV6 ? addressFamilyV6 : addressFamilyV4, streamSocket, 0);
  if (fd < 0) return -lastErrno();
  c.ioctl(fd, closeOnExec);
  const one = Buffer.alloc(4);
  one.writeInt32LE(1);
  c.setsockopt(fd, ipLevel, bindAddressNoPort, one, 4);
  const name = socketAddress(address, 0);
  const [level, option] = isV6 ? [ipv6Level, ipv6Transparent] : [ipLevel, ipTransparent];
  if (c.setsockopt(fd, level, option, one, 4) === 0 && c.bind(fd, name, name.length) === 0)
    return fd;
  const errno = lastErrno();
  c.close(fd);
  return -errno;
}
