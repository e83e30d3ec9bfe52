// CONNECT on the outbound listener (RFC 9110 §9.3.6, design section 5). A tcp service and a host
// outside the mesh get a tunnel; an HTTP service gets 200, and the bytes inside are served by
// that service's own routes.

import {
  matchRoute,
  matchVirtualHost,
  needsServerName,
  type RouteRow,
  type VirtualHostRow,
} from "@weft/rules";
import { Framing, ResponseHead } from "@weft/wire";
import { forward } from "../tcp/forward.ts";
import { Flag, flagOfCode, flagRow } from "../telemetry/response-flags.ts";
import type { Exchange } from "./exchange.ts";
import { finish } from "./finish.ts";
import { fixedHostNamed } from "./fixed-host.ts";
import { reasonOf } from "./reason.ts";
import { reply, replyWith } from "./reply.ts";

export function connect(x: Exchange): void {
  x.listener = x.tables.listeners.get(x.entry.listenerName) ?? null;
  const http = x.listener?.plainChain?.http ?? null;
  const table = http?.routes ?? x.tables.routes.get(http?.routesName ?? "");
  if (table === undefined) return reply(x, Flag.NoConfiguration);
  x.requestId = x.thread.nextRequestId();
  const virtualHost = matchVirtualHost(table, x.request.authority);
  if (virtualHost === null) return reply(x, Flag.NoRoute);
  x.virtualHost = virtualHost;
  const matched = matchRoute(virtualHost, x.request);
  // Of HTTP services the inside is looked at, and of those whose streams go by server name.
  const isOpaque = virtualHost.protocol === "tcp" && !needsServerName(virtualHost);
  if (virtualHost.port > 0 && !isOpaque) return serveInside(x, virtualHost);
  const row = matched ?? virtualHost.routes.at(-1) ?? null;
  if (row === null) return reply(x, Flag.NoRoute);
  x.route = row;
  if (row.direct !== null) {
    return replyWith(x, flagOfCode(row.flag), row.direct.status, row.direct.body, null);
  }
  tunnel(x, row);
}

/**
 * The client speaks HTTP, or something else, inside: as on an `--upstream` listener of that
 * service.
 */
function serveInside(x: Exchange, virtualHost: VirtualHostRow): void {
  const { socket, early } = x.downstream.detach();
  x.downstream.answerDetached(established());
  x.status = 200;
  x.thread.serve(socket, early, { ...x.entry, fixedHost: fixedHostNamed(virtualHost.name) });
  finish(x);
}

function tunnel(x: Exchange, row: RouteRow): void {
  const { socket, early } = x.downstream.detach();
  socket.pause();
  forward({
    thread: x.thread,
    direction: "outbound",
    clusters: row.clusters ?? [],
    weightTotal: row.weightTotal,
    authority: x.request.authority,
    socket,
    early,
    idleTimeoutMs: row.idleTimeoutMs,
    onConnected() {
      x.downstream.answerDetached(established());
      x.status = 200;
      finish(x);
    },
    onFailed(flag) {
      const content = Buffer.from("no connection could be made\n");
      x.downstream.answerDetached(refusal(flag, content.length));
      socket.write(content);
      x.status = 503;
      x.flag = flag;
      finish(x);
    },
  });
}

function established(): ResponseHead {
  const head = new ResponseHead();
  head.status = 200;
  head.reason = "Connection Established";
  return head;
}

function refusal(flag: Flag, contentLength: number): ResponseHead {
  const head = new ResponseHead();
  head.status = 503;
  head.reason = reasonOf(503);
  head.framing = Framing.Length;
  head.contentLength = contentLength;
  head.headers.push("x-weft-flag", flagRow(flag).code, "content-type", "text/plain");
  return head;
}
