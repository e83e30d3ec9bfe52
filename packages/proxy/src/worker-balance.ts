// Connections that carry many requests stay on the worker that accepted them, and chance may give
// one worker several of the busy ones. When a worker serves far more than the mean, its busiest
// connection is told to go (GOAWAY in two phases): its peer opens another, which any worker may
// accept. One at a time, and only where the worker has another busy one, for otherwise nothing
// would be gained.

/** A connection whose peer comes back when it is told to go. */
export interface SharedConnection {
  /** Requests since the last call. */
  takeRequestCount(): number;
  drain(keepsIdle: boolean): void;
}

const sweepsPerJudgement = 5;
/** Fewer requests than this in that time are no load. */
const requestsMin = 1000;
/** So many times the mean is far above it. */
const farAbove = 1.5;

/** On the main thread: what each worker serves. */
export class WorkerBalance {
  readonly #workerCount: number;
  readonly #relieve: (worker: number) => void;
  readonly #served = new Map<number, number>();
  #sweepCount = 0;

  constructor(workerCount: number, relieve: (worker: number) => void) {
    this.#workerCount = workerCount;
    this.#relieve = relieve;
  }

  /** A worker's report: requests since its last one. */
  heard(worker: number, requestCount: number): void {
    this.#served.set(worker, (this.#served.get(worker) ?? 0) + requestCount);
  }

  /** To be called about every second. */
  sweep(): void {
    if (++this.#sweepCount % sweepsPerJudgement !== 0) return;
    let total = 0;
    let most = 0;
    let busiest = -1;
    for (const [worker, count] of this.#served) {
      total += count;
      if (count <= most) continue;
      most = count;
      busiest = worker;
    }
    this.#served.clear();
    if (this.#workerCount < 2 || total < requestsMin) return;
    if (most > (total / this.#workerCount) * farAbove) this.#relieve(busiest);
  }
}

/** On that worker. */
export function relieve(connections: Iterable<SharedConnection>): void {
  let busiest: SharedConnection | null = null;
  let most = 0;
  let busyCount = 0;
  for (const connection of connections) {
    const count = connection.takeRequestCount();
    if (count === 0) continue;
    busyCount++;
    if (count <= most) continue;
    most = count;
    busiest = connection;
  }
  if (busyCount > 1) busiest?.drain(false);
}
