// Public surface of the built-in data plane; names only.

export type {
  ExplainedAttempt,
  ExplainedPolicy,
  CaptureAddresses,
  DataPlane,
  Explanation,
  InboundAddress,
  ListenAddress,
  ListenOutcome,
  LoadRow,
  NamedEndpoint,
  NamedService,
  PortProtocol,
  ProxyAddresses,
  ProxyHandle,
  ProxyIdentity,
  ProxyOptions,
  ProxyPorts,
  ProxyTopic,
  ProxyWorkload,
  UpstreamAddress,
} from "./handle.ts";
export {
  type EndpointOfCluster,
  resourceRows,
  type ResourceRows,
} from "./config/resource-rows.ts";
export { decodeSnapshot, encodeSnapshot } from "./config/snapshot.ts";
export { openProxy } from "./main.ts";
