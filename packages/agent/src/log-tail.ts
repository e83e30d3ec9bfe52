// The newest lines of an agent's log, for `weft proxy log`: they go where they went, and are kept
// for a while.

import { type Clock, createLogger, type LogFields, type Logger } from "@weft/runtime";

const linesMax = 200;

export class LogTail {
  readonly #lines: string[] = [];
  readonly #kept: Logger;

  constructor(clock: Clock) {
    this.#kept = createLogger({
      clock,
      write: (line) => {
        this.#lines.push(line);
        if (this.#lines.length > linesMax) this.#lines.shift();
      },
    });
  }

  /** Oldest first. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** A logger that writes as `log` does. */
  behind(log: Logger): Logger {
    return both(log, this.#kept);
  }
}

function both(one: Logger, two: Logger): Logger {
  const at =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields?: LogFields): void => {
      one[level](message, fields);
      two[level](message, fields);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (name, fields) => both(one.child(name, fields), two.child(name, fields)),
  };
}
