// The gRPC adapter of an agent's end towards the Envoy beside it: a Unix socket, without TLS. Who
// may open the socket may have the workload's key, so its folder has to be its owner's alone.

import { chmodSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { Server as RpcServer, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import type { Runtime } from "@weft/runtime";
import type { XdsPeer } from "../snapshot.ts";
import type { XdsStream } from "../stream.ts";
import { serverStream } from "./duplex.ts";
import { deltaAds, deltaSecrets, type Method } from "./methods.ts";

export interface LocalHandlers {
  deltaAds(stream: XdsStream, peer: XdsPeer): void;
  deltaSecrets(stream: XdsStream, peer: XdsPeer): void;
}

export interface LocalGrpcServerOptions {
  readonly runtime: Runtime;
  /** A file of that name is replaced. */
  readonly path: string;
  readonly handlers: LocalHandlers;
}

export interface LocalGrpcServer {
  /** Ends every stream and removes the socket. */
  close(): void;
}

/** Whoever opened the socket is the one its folder lets in. */
const localPeer: XdsPeer = { spiffeId: null, token: null, address: "local" };

/** Rejects with the system's error when the socket cannot be made. */
export async function openLocalGrpcServer(
  options: LocalGrpcServerOptions,
): Promise<LocalGrpcServer> {
  const { runtime, path, handlers } = options;
  const rpc = new RpcServer({ "grpc.enable_channelz": 0, "grpc.max_send_message_length": -1 });
  const sockets = new Set<Socket>();
  const drop = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const serve = (
    method: Method<Uint8Array, Uint8Array>,
    handler: (stream: XdsStream, peer: XdsPeer) => void,
  ): void => {
    rpc.register(
      method.path,
      (call: ServerDuplexStream<Buffer, Buffer>) =>
        handler(serverStream(runtime, call, method.up, method.down, drop), localPeer),
      passThrough,
      passThrough,
      "bidi",
    );
  };
  serve(deltaAds, (stream, peer) => handlers.deltaAds(stream, peer));
  serve(deltaSecrets, (stream, peer) => handlers.deltaSecrets(stream, peer));
  const injector = rpc.createConnectionInjector(ServerCredentials.createInsecure());
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A reset connection ends its streams; there is no one else to tell.
    socket.on("error", () => undefined);
    injector.injectConnection(socket);
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.removeListener("error", reject);
      chmodSync(path, 0o600);
      resolve();
    });
  });
  return {
    close() {
      server.close();
      rpc.forceShutdown();
      drop();
    },
  };
}

const passThrough = (bytes: Buffer): Buffer => bytes;
