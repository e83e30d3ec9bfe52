// The public surface of `@weft/xds/grpc`. Apart from `@weft/xds`, so that what only needs the
// conversation (simulation, proxy workers) does not load a gRPC library.

export {
  type ChannelIdentity,
  type ControlStream,
  controlPlanePath,
  type GrpcChannel,
  type GrpcChannelOptions,
  openGrpcChannel,
  type ServerTrust,
} from "./channel.ts";
export {
  type LocalGrpcServer,
  type LocalGrpcServerOptions,
  type LocalHandlers,
  openLocalGrpcServer,
} from "./local-server.ts";
export { spiffeIdOf } from "./spiffe-id.ts";
export {
  type AgentStream,
  type GrpcHandlers,
  type GrpcServer,
  type GrpcServerOptions,
  openGrpcServer,
  type ServerIdentity,
} from "./server.ts";
