export { type Clock, sleep, type Timer, type Timers } from "./clock.ts";
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  silentLogger,
} from "./log.ts";
export { jitter, type Random } from "./random.ts";
export type { Runtime } from "./runtime.ts";
export { SimClock } from "./sim/clock.ts";
export { seededRandom } from "./sim/random.ts";
export {
  systemClock,
  systemRandom,
  systemRuntime,
  type SystemRuntimeOptions,
  systemTimers,
} from "./system.ts";
