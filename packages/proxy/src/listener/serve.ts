// The outbound side of a connection that belongs to one service: an `--upstream` listener, the
// inside of a CONNECT tunnel, an address that stands for a service. What is spoken is what the
// service's port declares; where it declares nothing, the first bytes say, and after a short
// silence the server may speak first.

import type { ByteSocket, LogFields } from "@weft/runtime";
import { matchStream, needsServerName, type RouteRow, type VirtualHostRow } from "@weft/rules";
import { H1Downstream } from "../downstream/h1.ts";
import { H2Downstream } from "../downstream/h2.ts";
import type { Entry } from "../exchange/exchange.ts";
import { forward } from "../tcp/forward.ts";
import { Refusal } from "../telemetry/refusals.ts";
import { serviceHttp2, serviceParser } from "./codec-options.ts";
import { Spoken } from "./detect.ts";
import { Asks, FirstBytes } from "./first-bytes.ts";
import { readServerName } from "./server-name.ts";
import { Alert, refuseTls } from "./tls-alert.ts";

/** A client that has said nothing for so long on an undeclared port waits for its server. */
const silenceMs = 250;
/** First bytes are waited for no longer than an idle connection is kept. */
const firstBytesMs = 60_000;

/** `early` may be lent. */
export function serve(socket: ByteSocket, early: Buffer, entry: Entry): void {
  const { thread, fixedHost } = entry;
  const virtualHost = fixedHost?.find(thread.current.tables) ?? null;
  if (virtualHost?.protocol === "tcp") return serveStream(socket, early, entry, virtualHost);
  const waitMs = virtualHost?.protocol === "auto" ? silenceMs : firstBytesMs;
  const options = { direction: "outbound", waitMs, asks: Asks.Spoken } as const;
  new FirstBytes(thread, socket, options, (bytes, spoken, hasEnded) => {
    const host = fixedHost?.find(thread.current.tables) ?? null;
    if (spoken === Spoken.Http1) {
      return new H1Downstream(socket, entry, serviceParser).begin(bytes);
    }
    if (spoken === Spoken.Http2) {
      const isHttp2 = host?.protocol === "auto";
      return new H2Downstream(socket, { ...entry, isHttp2 }, serviceHttp2).begin(bytes);
    }
    if (host === null) return refuse(socket, entry, Refusal.NoService);
    if (host.protocol === "auto" || host.protocol === "tcp") {
      const route = host.routes.find(({ match }) => match.path === "connect") ?? null;
      return forwardTo(socket, bytes, hasEnded, entry, host, route);
    }
    if (hasEnded && bytes.length === 0) return socket.destroySoon();
    if (bytes.length === 0) return refuse(socket, entry, Refusal.NothingSaid);
    if (spoken === Spoken.Tls) {
      note(socket, entry, Refusal.TlsNotOffered, {});
      return refuseTls(socket, Alert.HandshakeFailure);
    }
    // What is no HTTP on an HTTP port is answered as such.
    new H1Downstream(socket, entry, serviceParser).begin(bytes);
  }).begin(early);
}

/** By the server name that is asked for, where routes go by it. */
function serveStream(
  socket: ByteSocket,
  early: Buffer,
  entry: Entry,
  virtualHost: VirtualHostRow,
): void {
  if (!needsServerName(virtualHost)) {
    const route = matchStream(virtualHost, "");
    return forwardTo(socket, early, false, entry, virtualHost, route);
  }
  readServerName(entry.thread, socket, early, {
    onServerName(bytes, serverName, isTls) {
      const route = matchStream(virtualHost, serverName);
      if (route !== null) return forwardTo(socket, bytes, false, entry, virtualHost, route);
      note(socket, entry, Refusal.NoServerName, { serverName });
      if (isTls) refuseTls(socket, Alert.UnrecognizedName);
      else socket.destroy();
    },
    onBadHello(reason) {
      note(socket, entry, Refusal.BadClientHello, { reason });
      refuseTls(socket, Alert.DecodeError);
    },
  });
}

function refuse(socket: ByteSocket, entry: Entry, refusal: Refusal): void {
  note(socket, entry, refusal, {});
  socket.destroy();
}

function note(socket: ByteSocket, entry: Entry, refusal: Refusal, fields: LogFields): void {
  const host = entry.fixedHost?.find(entry.thread.current.tables) ?? null;
  entry.thread.refusals.note(refusal, {
    listener: entry.listenerName,
    peer: socket.remoteAddress,
    service: host?.name,
    ...fields,
  });
}

/** Where its route says, else the cluster that bears the virtual host's name. */
function forwardTo(
  socket: ByteSocket,
  early: Buffer,
  hasEnded: boolean,
  entry: Entry,
  host: VirtualHostRow,
  route: RouteRow | null,
): void {
  const named = {
    cluster: host.name,
    weight: 1,
    requestEdits: null,
    responseEdits: null,
    authorityLiteral: null,
  };
  forward({
    thread: entry.thread,
    direction: "outbound",
    clusters: route?.clusters ?? [named],
    weightTotal: route?.weightTotal ?? 1,
    authority: "",
    socket,
    early,
    hasEnded,
    idleTimeoutMs: route?.idleTimeoutMs ?? null,
    onConnected: null,
    onFailed: null,
  });
}
