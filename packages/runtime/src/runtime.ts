// The bundle of effects that is passed to everything: time, chance and logs. Sockets come from
// `net.ts`, `tls.ts` and `listen.ts`.

import type { Clock, Timers } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { Random } from "./random.ts";

export interface Runtime {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Logger;
}
