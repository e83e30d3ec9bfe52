// One line per exchange, when asked for. The version of the configuration it ran under is on
// every line.

import type { Logger } from "@weft/runtime";
import type { Exchange } from "../exchange/exchange.ts";
import { flagRow } from "./response-flags.ts";

export interface AccessLog {
  write(x: Exchange, durationMs: number): void;
}

export function createAccessLog(log: Logger): AccessLog {
  return {
    write(x, durationMs) {
      const endpoint = (x.attempt ?? x.pastAttempts?.at(-1))?.endpoint ?? null;
      log.info("request", {
        direction: x.listener?.direction ?? "",
        protocol: x.downstream.protocol,
        method: x.request.method,
        authority: x.authority,
        path: x.path,
        status: x.status,
        ...(x.isGrpc && { grpcStatus: x.grpcStatus }),
        flag: flagRow(x.flag).code,
        durationMs: Math.round(durationMs * 1000) / 1000,
        requestBytes: x.requestBytes,
        responseBytes: x.responseBytes,
        route: x.route?.name ?? "",
        cluster: x.weighted?.cluster ?? "",
        endpoint: endpoint?.row.key ?? "",
        attempts: (x.pastAttempts?.length ?? 0) + (x.attempt === null ? 0 : 1),
        peer: x.entry.peer.identity,
        requestId: x.requestId,
        configVersion: x.configVersion,
      });
    },
  };
}
