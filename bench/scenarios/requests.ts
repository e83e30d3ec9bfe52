// What a small request costs: through one proxy, through a pair, as a gRPC call, and how long it
// takes at a rate that overloads nobody.

import { type Scenario, smallRequest } from "./scenario.ts";

export const oneHop: Scenario = {
  ...smallRequest,
  name: "one-hop",
  topology: "one-hop",
  rate: 4000,
  targets: [
    { peer: "envoy", figure: "cost", ratioMax: 0.8 },
    { peer: "haproxy", figure: "cost", ratioMax: 1.3 },
    { peer: "floor", figure: "cost", ratioMax: 2 },
  ],
};

export const pair: Scenario = {
  ...smallRequest,
  name: "pair",
  topology: "pair",
  rate: 4000,
  targets: [
    { peer: "envoy", figure: "cost", ratioMax: 0.5 },
    { peer: "haproxy", figure: "cost", ratioMax: 1.2 },
    { peer: "nginx", figure: "cost", ratioMax: 0.6 },
  ],
};

export const grpc: Scenario = {
  ...smallRequest,
  name: "grpc",
  topology: "grpc-pair",
  rate: 1500,
  path: "/bench.Echo/Unary",
  targets: [{ peer: "envoy", figure: "cost", ratioMax: 0.6 }],
};

export const latency: Scenario = {
  ...smallRequest,
  name: "latency",
  topology: "pair",
  rate: 2000,
  targets: [
    { peer: "envoy", figure: "p50Millis", ratioMax: 1 },
    { peer: "envoy", figure: "p99Millis", ratioMax: 1 },
  ],
};
