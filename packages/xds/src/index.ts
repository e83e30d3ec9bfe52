// The public surface of `@weft/xds`. The gRPC adapters are in `@weft/xds/grpc`.

export {
  createXdsClient,
  type XdsClient,
  type XdsClientHandler,
  type XdsClientOptions,
  type XdsUpdate,
} from "./client.ts";
export { encodeResource, resourceMap } from "./encode-resource.ts";
export {
  type NodeDescription,
  type NodePort,
  type NodeUpstream,
  readNode,
  refuseNode,
  writeNode,
} from "./node.ts";
export {
  createXdsRelay,
  type HeldResources,
  type XdsRelay,
  type XdsRelayOptions,
} from "./relay.ts";
export { type ResourceType, resourceTypeOf, resourceTypes, typeUrls } from "./resource-types.ts";
export {
  createXdsServer,
  type XdsServer,
  type XdsServerFigures,
  type XdsServerOptions,
} from "./server.ts";
export type { ServerStreamReport, SubstreamReport, XdsServerLimits } from "./server-stream.ts";
export { type SimStreamEnd, type SimStreamPair, simStreamPair } from "./sim/stream.ts";
export type {
  EncodedResource,
  ResourceMap,
  Snapshot,
  SnapshotSource,
  SnapshotSubscription,
  XdsClientInfo,
  XdsPeer,
  XdsRefusal,
  XdsServerEvents,
} from "./snapshot.ts";
export { type Status, StatusCode, StatusError } from "./status.ts";
export type { MessageSink, MessageStream, XdsStream } from "./stream.ts";
