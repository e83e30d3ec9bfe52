// The demo's `weft run` processes: started beside this one, ended before it.

import { type ChildProcess, spawn } from "node:child_process";
import { openSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Runtime } from "@weft/runtime";
import type { ShopProgram } from "./shop.ts";

export interface ChildrenOptions {
  readonly runtime: Runtime;
  readonly dataDir: string;
  readonly control: string;
  /** One log file per program lands here. */
  readonly logDir: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A program ended although nobody asked it to. */
  readonly onDied: (program: ShopProgram, code: number | null) => void;
}

const mainFile = fileURLToPath(import.meta.resolve("../main.ts".replace(/ts$/, extension())));

/** `.ts` in a clone, `.js` in a published package. */
function extension(): string {
  return import.meta.url.endsWith(".ts") ? "ts" : "js";
}

export class DemoChildren {
  readonly #options: ChildrenOptions;
  readonly #children = new Set<ChildProcess>();
  #isStopping = false;

  constructor(options: ChildrenOptions) {
    this.#options = options;
  }

  start(program: ShopProgram, port: number): void {
    const { control, dataDir, environment, logDir } = this.#options;
    const name = program.version === "" ? program.service : `${program.service}-${program.version}`;
    const log = openSync(path.join(logDir, `${name}.log`), "a");
    const flags = ["--service", program.service, "--control", control, "--data-dir", dataDir];
    if (program.version !== "") flags.push("--version", program.version);
    if (program.hasPort) flags.push("--port", String(port));
    flags.push("--drain", "1s");
    const child = spawn(
      process.execPath,
      [...process.execArgv, mainFile, "run", ...flags, "--", ...program.command],
      {
        stdio: ["ignore", log, log],
        // A session of its own: Ctrl-C in the terminal reaches only the demo, which then stops
        // these.
        detached: true,
        env: { ...environment, ...program.environment },
      },
    );
    this.#children.add(child);
    child.once("exit", (code) => {
      this.#children.delete(child);
      if (!this.#isStopping) this.#options.onDied(program, code);
    });
    child.once("error", () => {
      this.#children.delete(child);
      this.#options.onDied(program, null);
    });
  }

  /**
   * TERM, again after `hurryMs` (which ends drains), KILL after `killMs`; resolves when all are
   * gone.
   */
  async stop(hurryMs: number, killMs: number): Promise<void> {
    this.#isStopping = true;
    const { timers } = this.#options.runtime;
    const gone = [...this.#children].map(
      (child) => new Promise<void>((resolve) => child.once("exit", () => resolve())),
    );
    this.#signal("SIGTERM");
    const hurry = timers.after(hurryMs, () => this.#signal("SIGTERM"));
    const kill = timers.after(killMs, () => this.#signal("SIGKILL"));
    await Promise.all(gone);
    hurry.cancel();
    kill.cancel();
  }

  #signal(signal: NodeJS.Signals): void {
    for (const child of this.#children) child.kill(signal);
  }
}
