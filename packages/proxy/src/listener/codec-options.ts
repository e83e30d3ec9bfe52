// What each kind of downstream may do: a program of this host, a peer that proved who it is, and
// anybody (http-cases H17, H24). In HTTP/2 the first two carry many requests at once, and the
// resets that a peer passes on are those of all its programs (docs/decisions/0024).

import {
  defaultHttp2Keepalive,
  defaultHttp2Limits,
  type Http2Limits,
  type Http2Options,
  sharedConnectionWindowBytes,
} from "@weft/wire";

export const outboundParser = {
  allowConnect: true,
  allowUnknownMethods: true,
  underscoreNames: "keep",
} as const;
export const serviceParser = { allowUnknownMethods: true, underscoreNames: "keep" } as const;
export const meshParser = { allowUnknownMethods: true, underscoreNames: "keep" } as const;
export const strangerParser = { allowUnknownMethods: true, underscoreNames: "drop" } as const;

const manyLimits: Http2Limits = { ...defaultHttp2Limits, requestsPerFeedMax: 64 };
const passedOnLimits: Http2Limits = { ...manyLimits, resetBurst: 1000, resetsPerSecond: 200 };
const many = {
  allowExtendedConnect: true,
  concurrentStreamsMax: 256,
  connectionWindowBytes: sharedConnectionWindowBytes,
  underscoreNames: "keep",
} as const;

export const outboundHttp2: Partial<Http2Options> = {
  ...many,
  limits: manyLimits,
  allowConnect: true,
};
export const serviceHttp2: Partial<Http2Options> = { ...many, limits: manyLimits };
export const meshHttp2: Partial<Http2Options> = {
  ...many,
  limits: passedOnLimits,
  keepalive: defaultHttp2Keepalive,
};
export const strangerHttp2: Partial<Http2Options> = {
  allowExtendedConnect: true,
  keepalive: defaultHttp2Keepalive,
};
