// Questions to one proxy over its agent's stream: each has an id, and an answer, a refusal or a
// time limit.

import type { Runtime, Timer } from "@weft/runtime";
import type { Answer, Question } from "@weft/xds/messages/weft/v1/agent.js";
import { MeshError } from "../errors.ts";

export interface QuestionsOptions {
  readonly runtime: Runtime;
  readonly workload: string;
  readonly timeoutMs: number;
  readonly send: (question: Question) => void;
}

interface Waiting {
  readonly timer: Timer;
  resolve(body: Uint8Array): void;
  reject(error: MeshError): void;
}

/** More than people ask at once; a proxy that answers nothing holds no more than this. */
const waitingMax = 64;

export class Questions {
  readonly #options: QuestionsOptions;
  readonly #waiting = new Map<bigint, Waiting>();
  #lastId = 0n;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** The answer's JSON bytes. */
  ask(topic: string, args: Readonly<Record<string, string>>): Promise<Uint8Array> {
    const { runtime, workload, timeoutMs, send } = this.#options;
    if (this.#waiting.size >= waitingMax) {
      const message = `${workload} has ${waitingMax} questions waiting already`;
      return Promise.reject(new MeshError("question-timeout", message));
    }
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const onTimeout = (): void => {
        this.#waiting.delete(id);
        const message = `${workload} did not answer within ${timeoutMs / 1000} s`;
        reject(new MeshError("question-timeout", message));
      };
      const timer = runtime.timers.after(timeoutMs, onTimeout, { background: true });
      this.#waiting.set(id, { timer, resolve, reject });
      send({ id, topic, arguments: { ...args } });
    });
  }

  /** An answer to a question that is no longer waiting is dropped. */
  answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (waiting === undefined) return;
    this.#waiting.delete(answer.id);
    waiting.timer.cancel();
    if (answer.error === "") waiting.resolve(answer.body);
    else {
      const message = `${this.#options.workload} answered: ${answer.error}`;
      waiting.reject(new MeshError("question-failed", message));
    }
  }

  /** The stream is gone: nobody will answer. */
  close(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.timer.cancel();
      const message = `the agent of ${this.#options.workload} left before it answered`;
      waiting.reject(new MeshError("workload-not-connected", message));
    }
    this.#waiting.clear();
  }
}
