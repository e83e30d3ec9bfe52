// Runs every packages/*/src/**/*.fuzz.ts with seeds: `npm run fuzz -- [--seed N] [--steps N]
// [--seconds N] [--only name]`. Each file works in a thread of its own, in batches with a seed
// each; a watchdog ends a batch that makes no progress, so that a hang is a failure like any other.
// A failure prints the command that repeats it.

import { globSync } from "node:fs";
import { basename, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect, parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type Random, seededRandom, systemClock, systemRandom, systemTimers } from "@weft/runtime";

/**
 * Inputs of one seed: enough to make progress cheap to tell, few enough to repeat in an instant.
 */
const batchSteps = 256;
/** The longest one batch may take, and so one input. */
const stallMs = 2000;
/** Loading and compiling the first batch on a busy machine is no hang. */
const firstStallMs = 30_000;
const defaultSteps = 100_000;

interface FuzzFile {
  fuzz(random: Random, steps: number): void;
}

interface Task {
  readonly url: string;
  readonly seed: number;
  /** Inputs to try; the last batch may be shorter. */
  readonly steps: number;
  readonly endsAtMs: number;
  /** [batches finished]. */
  readonly progress: Int32Array;
}

interface Outcome {
  readonly inputs: number;
  /** Why the batch after `inputs` failed, null when all is well. */
  readonly failure: string | null;
}

interface Settings {
  readonly seed: number;
  readonly steps: number;
  readonly seconds: number;
  readonly only: string;
}

if (isMainThread) process.exitCode = await main();
else await runTask(workerData as Task);

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === null) return 2;
  const files = globSync("packages/*/src/**/*.fuzz.ts").filter((file) =>
    nameOf(file).includes(settings.only),
  );
  if (files.length === 0) {
    console.error(`fuzz: no file named ${settings.only}`);
    return 2;
  }
  let failures = 0;
  // One after the other, so that the rates can be compared.
  for (const file of files.toSorted()) {
    if (!(await runFile(file, settings))) failures++;
  }
  return failures === 0 ? 0 : 1;
}

function nameOf(file: string): string {
  return basename(file, ".fuzz.ts");
}

function readSettings(): Settings | null {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: "string" },
        steps: { type: "string" },
        seconds: { type: "string" },
        only: { type: "string", default: "" },
      },
    });
    const seconds = numberOf(values.seconds, Number.POSITIVE_INFINITY);
    const unlimited = values.seconds === undefined ? defaultSteps : Number.MAX_SAFE_INTEGER;
    return {
      seed: numberOf(values.seed, systemRandom.integer(2 ** 31)),
      steps: numberOf(values.steps, unlimited),
      seconds,
      only: values.only,
    };
  } catch (error) {
    console.error(`fuzz: ${(error as Error).message}`);
    return null;
  }
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new Error(`${text} is not a number`);
  return number;
}

/** Runs one file; true when nothing failed. */
async function runFile(file: string, settings: Settings): Promise<boolean> {
  const startedAtMs = systemClock.monotonicMs();
  const task: Task = {
    url: pathToFileURL(resolve(file)).href,
    seed: settings.seed,
    steps: settings.steps,
    endsAtMs: systemClock.nowMs() + settings.seconds * 1000,
    progress: new Int32Array(new SharedArrayBuffer(4)),
  };
  const { inputs, failure } = await watch(task);
  const rate = Math.round((inputs * 1000) / (systemClock.monotonicMs() - startedAtMs));
  console.log(`${nameOf(file)}: ${inputs} inputs, ${rate}/s, seed ${settings.seed}`);
  if (failure === null) return true;
  const seed = settings.seed + Math.floor(inputs / batchSteps);
  console.log(`${nameOf(file)} FAILED: ${failure}`);
  console.log(
    `repeat: npm run fuzz -- --only ${nameOf(file)} --seed ${seed} --steps ${batchSteps}`,
  );
  return false;
}

/** The outcome the thread reports, or what its silence means. */
function watch(task: Task): Promise<Outcome> {
  return new Promise((settle) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    let seen = 0;
    let seenAtMs = systemClock.monotonicMs();
    const finish = (outcome: Outcome): void => {
      timer.cancel();
      settle(outcome);
      void worker.terminate();
    };
    const timer = systemTimers.every(100, () => {
      const nowMs = systemClock.monotonicMs();
      const batches = Atomics.load(task.progress, 0);
      if (batches !== seen) {
        seen = batches;
        seenAtMs = nowMs;
      } else if (nowMs - seenAtMs > (seen === 0 ? firstStallMs : stallMs)) {
        const waitedMs = Math.round(nowMs - seenAtMs);
        finish({ inputs: seen * batchSteps, failure: `no progress for ${waitedMs} ms` });
      }
    });
    worker.once("message", finish);
    worker.once("error", (error) => {
      finish({ inputs: Atomics.load(task.progress, 0) * batchSteps, failure: inspect(error) });
    });
  });
}

/** In the thread: batch after batch, each from its own seed. */
async function runTask(task: Task): Promise<void> {
  const file = (await import(task.url)) as FuzzFile;
  let inputs = 0;
  let failure: string | null = null;
  try {
    while (inputs < task.steps && systemClock.nowMs() < task.endsAtMs) {
      const steps = Math.min(batchSteps, task.steps - inputs);
      file.fuzz(seededRandom(task.seed + inputs / batchSteps), steps);
      inputs += steps;
      Atomics.add(task.progress, 0, 1);
    }
  } catch (error) {
    failure = inspect(error);
  }
  parentPort?.postMessage({ inputs, failure } satisfies Outcome);
}
