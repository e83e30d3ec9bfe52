// What carrying bytes costs, per GiB: large responses through the pair, and opaque TCP.

import type { Scenario, Target } from "./scenario.ts";

const targets: readonly Target[] = [{ peer: "envoy", figure: "cost", ratioMax: 1.3 }];

export const body64k: Scenario = {
  name: "body-64k",
  topology: "pair",
  connections: 64,
  rate: 640,
  path: "/64k",
  contentBytes: 64 * 1024,
  handshakes: null,
  targets,
};

export const body1m: Scenario = {
  name: "body-1m",
  topology: "pair",
  connections: 16,
  rate: 64,
  path: "/1m",
  contentBytes: 1024 * 1024,
  handshakes: null,
  targets,
};

export const tcp: Scenario = { ...body1m, name: "tcp", topology: "tcp-pair" };
