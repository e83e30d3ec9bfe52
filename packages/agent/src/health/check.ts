// Active health checks of the workload's own program over loopback: TCP connect, HTTP GET, gRPC
// health.

import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import type { AgentOptions } from "../options.ts";

export type HealthProbe =
  | { readonly kind: "tcp"; readonly address: string; readonly port: number }
  | {
      readonly kind: "http";
      readonly address: string;
      readonly port: number;
      readonly path: string;
    }
  | {
      readonly kind: "grpc";
      readonly address: string;
      readonly port: number;
      readonly service: string;
    };

export interface ProbeResult {
  readonly isHealthy: boolean;
  /** Why not, in a few words; "" when healthy. */
  readonly message: string;
}

const healthy: ProbeResult = { isHealthy: true, message: "" };
const unhealthy = (message: string): ProbeResult => ({ isHealthy: false, message });

/** What says that the program is there; null when client-only. */
export function healthProbe(
  options: Pick<AgentOptions, "appAddress" | "healthPath" | "port" | "protocol">,
): HealthProbe | null {
  const { appAddress: address, healthPath: path, port, protocol } = options;
  if (port === null) return null;
  if (path === null) return { kind: "tcp", address, port };
  if (protocol !== "grpc") return { kind: "http", address, port, path };
  return { kind: "grpc", address, port, service: path.replace(/^\//, "") };
}

/** Runs one probe; never rejects. */
export function probe(target: HealthProbe, timeoutMs: number): Promise<ProbeResult> {
  if (target.kind === "http") return probeHttp(target.address, target.port, target.path, timeoutMs);
  if (target.kind === "grpc") return probeGrpc(target, timeoutMs);
  return probeTcp(target.address, target.port, timeoutMs);
}

function probeTcp(address: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const settle = (result: ProbeResult): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(timeoutMs, () =>
      settle(unhealthy(`no connection to ${address}:${port} in ${timeoutMs} ms`)),
    );
    socket.once("connect", () => settle(healthy));
    socket.once("error", (error) => settle(unhealthy(error.message)));
  });
}

function probeHttp(
  address: string,
  port: number,
  path: string,
  timeoutMs: number,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const request = httpRequest(
      {
        host: address,
        port,
        path,
        method: "GET",
        agent: false,
        headers: { "user-agent": "weft-health" },
      },
      (response) => {
        const status = response.statusCode ?? 0;
        response.resume();
        request.destroy();
        resolve(
          status >= 200 && status < 400 ? healthy : unhealthy(`GET ${path} answered ${status}`),
        );
      },
    );
    request.setTimeout(timeoutMs, () =>
      request.destroy(new Error(`GET ${path} took over ${timeoutMs} ms`)),
    );
    request.once("error", (error) => resolve(unhealthy(error.message)));
    request.end();
  });
}

/**
 * grpc.health.v1.Health/Check by hand: the request is one string field, the answer one enum field.
 */
async function probeGrpc(
  target: { address: string; port: number; service: string },
  timeoutMs: number,
): Promise<ProbeResult> {
  const { Client, credentials } = await import("@grpc/grpc-js");
  const client = new Client(`${target.address}:${target.port}`, credentials.createInsecure(), {
    "grpc.enable_http_proxy": 0,
    "grpc.use_local_subchannel_pool": 1,
  });
  const deadline = new Date(new Date().getTime() + timeoutMs);
  const name = Buffer.from(target.service);
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  return await new Promise((resolve) => {
    client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      (value: Buffer) => value,
      (value: Buffer) => value,
      message,
      { deadline } as never,
      (error: Error | null, answer?: Buffer) => {
        client.close();
        if (error !== null) return resolve(unhealthy(error.message));
        // SERVING is 1: field 1, varint 1.
        const isServing = answer !== undefined && answer[0] === 0x08 && answer[1] === 1;
        resolve(isServing ? healthy : unhealthy("the gRPC health service says not serving"));
      },
    );
  });
}
