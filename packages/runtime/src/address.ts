// What an address is, as text. Node keeps these beside its sockets; they open none.

export { isIP, isIPv4, isIPv6 } from "node:net";
