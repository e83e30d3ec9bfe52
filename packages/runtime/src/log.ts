// Structured logs: one line per event, a level, a sentence and fields.

import type { Clock } from "./clock.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same destination with a name before each line and fields on each. */
  child(name: string, fields?: LogFields): Logger;
}

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export interface LoggerOptions {
  clock: Clock;
  /** Takes one whole line, without the newline. */
  write: (line: string) => void;
  level?: LogLevel;
  format?: "text" | "json";
}

export function createLogger(options: LoggerOptions): Logger {
  const floor = rank[options.level ?? "info"];
  const format = options.format ?? "text";
  const make = (name: string, bound: LogFields): Logger => {
    const emit = (level: LogLevel, message: string, fields: LogFields = {}): void => {
      if (rank[level] < floor) return;
      const time = new Date(options.clock.nowMs()).toISOString();
      const all = { ...bound, ...fields };
      options.write(
        format === "json"
          ? JSON.stringify({ time, level, name, message, ...all })
          : textLine(time, level, name, message, all),
      );
    };
    return {
      debug: (message, fields) => emit("debug", message, fields),
      info: (message, fields) => emit("info", message, fields),
      warn: (message, fields) => emit("warn", message, fields),
      error: (message, fields) => emit("error", message, fields),
      child: (childName, fields) =>
        make(name === "" ? childName : `${name}.${childName}`, { ...bound, ...fields }),
    };
  };
  return make("", {});
}

/** A logger that drops everything, for tests and short-lived commands. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

function textLine(
  time: string,
  level: LogLevel,
  name: string,
  message: string,
  fields: LogFields,
): string {
  let line = `${time} ${level.padEnd(5)} ${name === "" ? "" : `${name}: `}${message}`;
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const text = String(value);
    line += ` ${key}=${/[\s"=]/.test(text) || text === "" ? JSON.stringify(text) : text}`;
  }
  return line.replace(/[\r\n]+/g, " ");
}
