// Answers that the proxy makes itself: refusals, redirects, direct responses. Each says why by
// its flag.

import { editHeaders } from "@weft/rules";
import { Framing, ResponseHead } from "@weft/wire";
import { Flag, flagRow } from "../telemetry/response-flags.ts";
import { type Exchange, Phase } from "./exchange.ts";
import { finish } from "./finish.ts";
import { endAtDeadline, respondGrpc } from "./grpc.ts";
import { reasonOf } from "./reason.ts";

const noTrailers: string[] = [];

/**
 * Ends the exchange with the flag's status and sentence, or cuts the response that has begun.
 * `detail` is what more is known, e.g. ECONNREFUSED.
 */
export function reply(x: Exchange, flag: Flag, detail = ""): void {
  const { status, text } = flagRow(flag);
  replyWith(x, flag, status, `${text}${detail === "" ? "" : ` (${detail})`}\n`, null);
}

/** As `reply`, with what a route says. `location` is a redirect's. */
export function replyWith(
  x: Exchange,
  flag: Flag,
  status: number,
  body: string,
  location: string | null,
): void {
  if (x.phase === Phase.Done) return;
  x.flag = flag;
  if (x.phase === Phase.Responding) {
    if (!x.isGrpc || !endAtDeadline(x, flag)) x.downstream.abort();
    return finish(x);
  }
  x.phase = Phase.Responding;
  if (x.isGrpc && location === null) {
    respondGrpc(x, flag, status, body);
    return finish(x);
  }
  x.status = status;
  const content = Buffer.from(body);
  const head = new ResponseHead();
  head.status = status;
  head.reason = reasonOf(status);
  head.framing = content.length > 0 ? Framing.Length : Framing.None;
  head.contentLength = content.length;
  if (content.length > 0) head.headers.push("content-type", "text/plain");
  if (location !== null) head.headers.push("location", location);
  if (flag !== Flag.None) head.headers.push("x-weft-flag", flagRow(flag).code);
  if (x.wantsExplanation) head.headers.push("x-request-id", x.requestId);
  const edits = x.route?.responseEdits ?? null;
  if (edits !== null) editHeaders(head.headers, edits);
  x.downstream.respond(x, head);
  if (content.length > 0 && x.request.method !== "HEAD") x.downstream.respondContent(content);
  x.responseBytes = content.length;
  x.downstream.respondEnd(noTrailers);
  finish(x);
}
