// One thing at a time per key: registration, status and removal of one workload never overlap.

export class KeyedTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `task` after everything that was asked for under this key before. */
  take<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(task, task);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return turn;
  }
}
