export { isIP, isIPv4, isIPv6 } from "./address.ts";
export { type AddressRange, parseAddressRange } from "./address-range.ts";
export { type Clock, sleep, type Timer, type Timers } from "./clock.ts";
export { handleFaults } from "./faults.ts";
export { freePort } from "./free-port.ts";
export { isLoopback, localAddressTowards } from "./local-address.ts";
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  silentLogger,
} from "./log.ts";
export {
  collectGarbage,
  memoryLimitBytes,
  releaseMemory,
  residentBytes,
  trimMemory,
} from "./memory.ts";
export { jitter, type Random } from "./random.ts";
export type { Runtime } from "./runtime.ts";
export { SimClock } from "./sim/clock.ts";
export { seededRandom } from "./sim/random.ts";
export {
  systemClock,
  systemRandom,
  systemRuntime,
  type SystemRuntimeOptions,
  systemTimers,
} from "./system.ts";
export { InFlight } from "./drain.ts";
export { askUnixSocket, type UnixQuestion, type UnixAnswer } from "./unix-http.ts";
export { type ReservedPort, reservePort } from "./reserved-port.ts";
export {
  type AcceptOptions,
  acceptConnections,
  bindDatagram,
  bindExactly,
  bindListener,
  type BoundListener,
  canShareListeners,
  closeDescriptor,
  formatAddress,
  ListenError,
} from "./listen.ts";
export { receiveSockets, sendSockets } from "./socket-passing.ts";
export { Inheritance } from "./inheritance.ts";
export {
  canReplaceProcess,
  type ChildEnd,
  childEnd,
  descriptorOf,
  replaceProcess,
  sealDescriptors,
  socketOf,
} from "./process-image.ts";
export { type Destination, originalDestination, plainAddress } from "./original-destination.ts";
export {
  adoptAccepted,
  type ByteSocket,
  type ConnectOptions,
  connectPlain,
  readAtOnce,
  type SocketOwner,
} from "./net.ts";
export { flushWrites } from "./gather.ts";
export { atTurnEnd, type TurnEnd } from "./turn.ts";
export { bindUdp, type UdpOptions, type UdpPeer, type UdpSocket } from "./udp.ts";
export { TimerWheel, type WheelOwner, WheelTimer } from "./timer-wheel.ts";
export {
  connectTls,
  createTlsAcceptor,
  createTlsContext,
  type PeerCertificate,
  type TlsAcceptor,
  type TlsAcceptorOptions,
  type TlsConnectOptions,
  type TlsContext,
  type TlsIdentity,
  wrongPeerIdentity,
} from "./tls.ts";
export {
  durationBucket,
  type LabelList,
  type MetricKind,
  MetricsText,
  requestDurationBounds,
} from "./metrics.ts";
export {
  type HttpAnswer,
  type HttpQuestion,
  type HttpServerOptions,
  openHttpServer,
  type SmallHttpServer,
} from "./http-server.ts";
