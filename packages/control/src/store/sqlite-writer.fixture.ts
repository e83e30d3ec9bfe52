// A process that writes as fast as it can and prints every write that was acknowledged, to be
// killed by `sqlite.test.ts`.

import { silentLogger, systemRuntime } from "@weft/runtime";
import { openSqliteStore } from "./sqlite.ts";

const [, , file = "", round = ""] = process.argv;
const store = await openSqliteStore({ runtime: systemRuntime({ log: silentLogger }), file });

async function writeWithoutEnd(lane: number): Promise<never> {
  for (let turn = 0; ; turn++) {
    const key = `k/${round}/${lane}/${turn}`;
    const value = `value-${round}-${lane}-${turn}`;
    await store.create(key, new TextEncoder().encode(value));
    // The reader may be slow, and the kill may cut a line: the full stop ends a whole one.
    await new Promise((resolve) => process.stdout.write(`${key} ${value} .\n`, resolve));
  }
}

await Promise.all([0, 1, 2, 3].map(writeWithoutEnd));
