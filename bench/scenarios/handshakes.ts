// What a mutual TLS handshake costs the side that ends it. As many a CPU second as 0.8 of Envoy's
// are 1.25 times its cost each.

import { type Scenario, smallRequest, type Target } from "./scenario.ts";

const targets: readonly Target[] = [{ peer: "envoy", figure: "cost", ratioMax: 1.25 }];

export const fullHandshakes: Scenario = {
  ...smallRequest,
  name: "handshakes-full",
  topology: "pair",
  rate: 0,
  handshakes: "full",
  targets,
};

export const resumedHandshakes: Scenario = {
  ...fullHandshakes,
  name: "handshakes-resumed",
  handshakes: "resumed",
};
