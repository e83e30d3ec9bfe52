// What gRPC writes into fields and browsers into content: base64 in pieces against Node's own
// decoder, timeouts there and back.

import { type Chance, cuts, mutate } from "../http1/mutate.fixture.ts";
import { cutAt } from "../http1/transcript.fixture.ts";
import { formatGrpcTimeout, parseGrpcTimeout } from "./timeout.ts";
import { encodeWebText, WebTextDecoder } from "./web.ts";

/** Throws at the first input that is read otherwise than it was meant. */
export function fuzz(random: Chance, steps: number): void {
  for (let step = 0; step < steps; step++) {
    fuzzText(random);
    fuzzTimeout(random);
  }
}

function fuzzText(random: Chance): void {
  const parts = Array.from({ length: random.integer(5) }, () =>
    Buffer.from(Array.from({ length: random.integer(20) }, () => random.integer(256))),
  );
  const text = Buffer.concat(parts.map(encodeWebText));
  const wanted = Buffer.concat(parts).toString("hex");
  if (decode(cutAt(text, cuts(random, text.length))) !== wanted) {
    throw new Error(`${text.toString("latin1")} was not read as ${wanted}`);
  }
  const hostile = Buffer.from(mutate(random, text.toString("latin1")), "latin1");
  const whole = decode([hostile]);
  const inPieces = decode(cutAt(hostile, cuts(random, hostile.length)));
  if (whole !== inPieces)
    throw new Error(`${JSON.stringify(hostile.toString("latin1"))} in pieces`);
}

/** "refused" for what is not base64; where a piece is refused, the whole is. */
function decode(pieces: readonly Buffer[]): string {
  const decoder = new WebTextDecoder();
  let decoded = "";
  for (const piece of pieces) {
    const bytes = decoder.feed(piece);
    if (bytes === null) return "refused";
    decoded += bytes.toString("hex");
  }
  return decoder.isWhole ? decoded : "refused";
}

function fuzzTimeout(random: Chance): void {
  const timeoutMs = random.integer(1_000_000) * 10 ** (random.integer(12) - 6);
  const text = formatGrpcTimeout(timeoutMs);
  const read = parseGrpcTimeout(text);
  if (!/^\d{1,8}[HMSmun]$/.test(text) || read < 0 || read > timeoutMs * (1 + 1e-12)) {
    throw new Error(`${timeoutMs} ms was written ${text}`);
  }
  const hostile = mutate(random, text);
  const isTimeout = /^\d{1,8}[HMSmun]$/.test(hostile);
  if (parseGrpcTimeout(hostile) >= 0 !== isTimeout) throw new Error(JSON.stringify(hostile));
}
