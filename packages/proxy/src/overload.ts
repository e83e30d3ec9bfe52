// When the process runs out of memory it must do less before the system ends it: first connections
// are no longer kept, then none are accepted (they wait in the socket's queue), then requests are
// refused with 503 and the flag OM. Measured is what counts for the system: the resident memory of
// the process against its limit. A level is left later than it is entered, so that it does not
// flutter.

import type { Logger } from "@weft/runtime";

const levels = {
  /** Everything as usual. */
  None: 0,
  /** Responses end their connections. */
  EndConnections: 1,
  /** No new connections. */
  StopAccepting: 2,
  /** New requests are refused. */
  Refuse: 3,
} as const;

export const OverloadLevel: typeof levels = Object.freeze(levels);
export type OverloadLevel = (typeof OverloadLevel)[keyof typeof OverloadLevel];

/** Share of the limit from which a level holds. */
const enterShares: readonly number[] = [0, 0.8, 0.88, 0.93];
/** So much below it ends. */
const leaveMargin = 0.05;
const names: readonly string[] = ["none", "end-connections", "stop-accepting", "refuse"];

/** Usually a look costs more than it tells; near the limit memory may be gone within a second. */
const calmMs = 1000;
const alertMs = 100;
const alertShare = 0.6;

export interface OverloadEvents {
  onLevel(level: OverloadLevel): void;
}

export class Overload {
  level: OverloadLevel = OverloadLevel.None;
  usedBytes = 0;
  readonly limitBytes: number;
  readonly #log: Logger;
  readonly #events: OverloadEvents;

  /** Without a limit (0) nothing is ever too much. */
  constructor(limitBytes: number, log: Logger, events: OverloadEvents) {
    this.limitBytes = limitBytes;
    this.#log = log;
    this.#events = events;
  }

  get levelName(): string {
    return names[this.level] as string;
  }

  /** Takes a measurement; answers when to take the next. */
  sample(usedBytes: number): number {
    this.usedBytes = usedBytes;
    if (this.limitBytes === 0) return calmMs;
    const share = usedBytes / this.limitBytes;
    const level = this.#levelAt(share);
    if (level !== this.level) this.#enter(level, share);
    return share < alertShare ? calmMs : alertMs;
  }

  #levelAt(share: number): OverloadLevel {
    for (let level = enterShares.length - 1; level > 0; level--) {
      const enter = enterShares[level] as number;
      const isHeld = level <= this.level;
      if (share >= (isHeld ? enter - leaveMargin : enter)) return level as OverloadLevel;
    }
    return OverloadLevel.None;
  }

  #enter(level: OverloadLevel, share: number): void {
    const isWorse = level > this.level;
    this.level = level;
    const fields = {
      level: this.levelName,
      usedMiB: Math.round(this.usedBytes / 2 ** 20),
      limitMiB: Math.round(this.limitBytes / 2 ** 20),
      percent: Math.round(share * 100),
    };
    if (level === OverloadLevel.None) this.#log.info("memory suffices again", fields);
    else if (isWorse) this.#log.warn("short of memory", { code: "overload", ...fields });
    else this.#log.info("less short of memory", fields);
    this.#events.onLevel(level);
  }
}
