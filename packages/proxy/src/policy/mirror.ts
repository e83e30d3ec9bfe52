// Which clusters get a copy of a request (Gateway API RequestMirror, Envoy
// request_mirror_policies).

import type { MirrorRow } from "@weft/rules";
import { RequestHead } from "@weft/wire";
import type { Exchange } from "../exchange/exchange.ts";

export function isMirrored(row: MirrorRow, chance: number): boolean {
  return row.fraction >= 1 || chance < row.fraction;
}

/** A copy of the head as it goes upstream; the original may be edited afterwards. */
export function copyOf(x: Exchange): RequestHead {
  const copy = Object.assign(new RequestHead(), x.request);
  copy.headers = [...x.request.headers];
  // Nobody waits for the mirror's 100.
  copy.expectContinue = false;
  return copy;
}
