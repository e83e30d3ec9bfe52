import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryTrim } from "./memory-trim.ts";

const mebibyte = 1 << 20;

/** A process that keeps `restBytes` when it is trimmed, looked at once a second. */
class Process {
  usedBytes = 10 * mebibyte;
  restBytes = 12 * mebibyte;
  isShort = false;
  readonly trimmedAtMs: number[] = [];
  #nowMs = 0;
  readonly #trim = new MemoryTrim();

  pass(seconds: number, hasLoad: boolean): void {
    for (let i = 0; i < seconds; i++) {
      this.#nowMs += 1000;
      if (hasLoad) this.#trim.noteLoad(this.#nowMs);
      if (!this.#trim.isDue(this.usedBytes, this.isShort, this.#nowMs)) continue;
      this.trimmedAtMs.push(this.#nowMs);
      this.usedBytes = Math.min(this.usedBytes, this.restBytes);
      this.#trim.done(this.usedBytes, this.#nowMs);
    }
  }
}

test("what a load needed is given back once, three seconds after it", () => {
  const one = new Process();
  one.pass(2, false);
  one.usedBytes = 40 * mebibyte;
  one.pass(20, true);
  assert.deepEqual(one.trimmedAtMs, []);
  one.pass(60, false);
  assert.deepEqual(one.trimmedAtMs, [25_000]);
  one.usedBytes = 40 * mebibyte;
  one.pass(1, true);
  one.pass(60, false);
  assert.deepEqual(one.trimmedAtMs, [25_000, 86_000]);
});

test("without requests, or without growth, nothing is done", () => {
  const silent = new Process();
  silent.pass(1, false);
  silent.usedBytes = 40 * mebibyte;
  silent.pass(30, false);
  const small = new Process();
  small.pass(1, false);
  small.usedBytes = 13 * mebibyte;
  small.pass(5, true);
  small.pass(30, false);
  assert.deepEqual([silent.trimmedAtMs, small.trimmedAtMs], [[], []]);
});

test("requests that come all the time keep what they need", () => {
  const one = new Process();
  one.pass(1, false);
  one.usedBytes = 40 * mebibyte;
  for (let i = 0; i < 30; i++) {
    one.pass(1, true);
    one.pass(2, false);
  }
  assert.deepEqual(one.trimmedAtMs, []);
});

test("what is still needed afterwards is the new measure", () => {
  const one = new Process();
  one.pass(1, false);
  one.usedBytes = 40 * mebibyte;
  one.restBytes = 38 * mebibyte;
  one.pass(1, true);
  one.pass(20, false);
  one.usedBytes = 40 * mebibyte;
  one.pass(1, true);
  one.pass(20, false);
  assert.equal(one.trimmedAtMs.length, 1);
});

test("while memory is short it is done every second, whatever is under way", () => {
  const one = new Process();
  one.isShort = true;
  one.pass(3, true);
  assert.deepEqual(one.trimmedAtMs, [1000, 2000, 3000]);
});
